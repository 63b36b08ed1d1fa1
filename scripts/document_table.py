"""Write ``docs/reference/documents.rst`` from the table in the tests: fields and codes of the five documents."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.documents.table import page  # noqa: E402  # the tests are not installed

if __name__ == "__main__":
    (ROOT / "docs" / "reference" / "documents.rst").write_text(page())
