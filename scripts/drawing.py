"""Draw boxes and arrows as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

LINE = 18
_STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif; fill: #1f2328; }
.small { font-size: 12px; fill: #59636e; }
.name { font-weight: 600; }
.page { fill: #ffffff; stroke: #d1d9e0; }
.plain { fill: #f6f8fa; stroke: #818b98; }
.ours { fill: #ddf4ff; stroke: #0969da; }
.good { fill: #dafbe1; stroke: #1a7f37; }
.bad { fill: #ffebe9; stroke: #cf222e; }
.group { fill: none; stroke: #818b98; stroke-dasharray: 4 4; }
.arrow { fill: none; stroke: #59636e; stroke-width: 1.5; }
.head { fill: #59636e; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small { fill: #9198a1; }
  .page { fill: #0d1117; stroke: #3d444d; }
  .plain { fill: #212830; stroke: #656c76; }
  .ours { fill: #12325c; stroke: #4493f8; }
  .good { fill: #12361e; stroke: #3fb950; }
  .bad { fill: #4b1a1c; stroke: #f85149; }
  .arrow { stroke: #9198a1; }
  .head { fill: #9198a1; }
}
"""


@dataclass
class Drawing:
    """A picture with its own background, `width` by `height` pixels; `title` is read out to who cannot see it."""

    width: int
    height: int
    title: str
    parts: list[str] = field(default_factory=list)

    def box(self, x: float, y: float, width: float, height: float, *lines: str, kind: str = "plain") -> None:
        """Draw a box with centred lines, of which the first is its name."""
        self._rectangle(x, y, width, height, kind)
        top = y + height / 2 - LINE * (len(lines) - 1) / 2 + 5
        for number, line in enumerate(lines):
            self.text(x + width / 2, top + LINE * number, line, kind="name" if number == 0 else "small")

    def group(self, x: float, y: float, width: float, height: float, name: str) -> None:
        """Draw a frame with a name in its upper left corner."""
        self._rectangle(x, y, width, height, "group")
        self.text(x + 12, y + 20, name, kind="small", anchor="start")

    def rows(self, x: float, y: float, width: float, name: str, rows: Sequence[str], kind: str = "plain") -> None:
        """Draw a table with its name and rows, from the left."""
        self._rectangle(x, y, width, LINE * (len(rows) + 1) + 16, kind)
        self.text(x + 10, y + 20, name, kind="name", anchor="start")
        for number, row in enumerate(rows, 1):
            self.text(x + 10, y + 22 + LINE * number, row, kind="small", anchor="start")

    def arrow(self, *points: tuple[float, float], label: str = "", both: bool = False) -> None:
        """Draw an arrow along the points; the label stands above the middle of its first part."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        start = ' marker-start="url(#head)"' if both else ""
        self.parts.append(f'<polyline class="arrow" points="{path}" marker-end="url(#head)"{start}/>')
        if label:
            (x1, y1), (x2, y2) = points[:2]
            self.text((x1 + x2) / 2, (y1 + y2) / 2 - 6, label, kind="small")

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> None:
        """Write a line of text."""
        self.parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>')

    def svg(self) -> str:
        """Return the picture as a file."""
        head = (
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path class="head" d="M0,0 L8,4 L0,8 z"/></marker>'
        )
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img">',
                f"<title>{escape(self.title)}</title>",
                f"<style>{_STYLE}</style>",
                f"<defs>{head}</defs>",
                f'<rect class="page" x="0.5" y="0.5" width="{self.width - 1}" height="{self.height - 1}" rx="8"/>',
                *self.parts,
                "</svg>\n",
            )
        )

    def _rectangle(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        self.parts.append(f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>')
