"""Write ``docs/documents.rst`` from the table of the tests: every field and code of the five documents."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.documents.table import page  # noqa: E402  # the tests are no package that is installed

if __name__ == "__main__":
    (ROOT / "docs" / "documents.rst").write_text(page())
