"""The code blocks of the documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.rst"), *(ROOT / "docs").rglob("*.md")])
_RST = re.compile(
    r"^(?P<indent> *)\.\. code-block:: *(?P<language>\S*)\n(?: +:.*\n)*\n(?P<code>(?:(?P=indent) +.*\n|\n)+)", re.M
)
_MARKDOWN = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<code>(?:.*\n)*?) *```$", re.M)
_HEADING = re.compile(r"^(.+)\n[=\-~^]{3,}\n|^#+ (.+)\n", re.M)


@dataclass(frozen=True)
class Block:
    """A block of code of a page; `line` is its first one, `heading` that of its section."""

    page: str
    line: int
    heading: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Return the blocks of these languages on all pages, in the order of the pages."""
    return [block for block in every_block() if block.language in languages]


def every_block() -> Iterator[Block]:
    """Yield all blocks, in the order of the pages."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in (_RST if page.suffix == ".rst" else _MARKDOWN).finditer(text):
            headings = [a or b for a, b in _HEADING.findall(text[: match.start()])]
            yield Block(
                page=str(page.relative_to(ROOT)),
                line=text.count("\n", 0, match.start("code")) + 1,
                heading=headings[-1] if headings else "",
                language=match["language"],
                code=textwrap.dedent(match["code"]).strip("\n") + "\n",
            )


def commands(block: Block) -> list[str]:
    """Return the commands of a shell session, those after ``$``; of a script, all. A continued line is one command."""
    lines: list[str] = []
    for line in block.code.splitlines():
        prompt = line.startswith("$ ")
        if lines and _is_open(lines[-1]):
            lines[-1] += f"\n{line}"
        elif prompt or (block.language == "bash" and line.strip() and not line.startswith("#")):
            lines.append(line.removeprefix("$ "))
    return lines


def _is_open(command: str) -> bool:
    return command.endswith("\\") or command.count("'") % 2 == 1
