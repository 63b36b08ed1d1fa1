"""Text from outside, made harmless to show: whoever can write to a lake can choose names, and write receipts."""

from __future__ import annotations


def harmless(text: str, most: int = 200) -> str:
    """Cut a text, and escape what would break a line, steer a terminal, or is half a character of another encoding.

    :param most: characters.
    """
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: most + 1])
    return shown if len(shown) <= most else shown[:most] + "…"
