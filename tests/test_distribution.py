"""What is published: metadata and content of wheel and source distribution, as `make dist` builds them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
URL = "https://code.example/acme/airflow-provider-meetings"
# The target of a Markdown link.
LINK = re.compile(r"\]\(([^)]+)\)")


def build(folder: Path, **variables: str) -> Path:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROJECT_")}
    command = [str(Path(sys.executable).parent / "uv"), "build", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, env=environment | variables)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both distributions, the wheel from the source distribution, as someone publishes them."""
    return build(tmp_path_factory.mktemp("published"), PROJECT_URL=URL, PROJECT_MAINTAINER="Ann <ann@code.example>")


def metadata(folder: Path) -> Message:
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_urls_and_maintainer_come_from_who_publishes(published: Path) -> None:
    found = metadata(published)
    urls = dict(entry.split(", ") for entry in found.get_all("Project-URL", []))
    assert urls.keys() == {"Documentation", "Source", "Issues", "Changelog"}
    assert all(url.startswith(URL) for url in urls.values())
    for name in ("Documentation", "Changelog"):
        assert (ROOT / urls[name].partition(f"/v{found['Version']}/")[2]).is_file()
    assert found["Maintainer-email"] == "Ann <ann@code.example>"


def test_links_of_the_published_readme_are_absolute(published: Path) -> None:
    readme = str(metadata(published).get_payload())
    targets = LINK.findall(readme)
    assert targets
    assert len(targets) == len(LINK.findall((ROOT / "README.md").read_text()))
    assert all(target.startswith("https://") for target in targets)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert all(picture.startswith(f"{URL}/raw/") for picture in pictures)


def test_nothing_is_invented_without_variables(tmp_path: Path) -> None:
    found = metadata(build(tmp_path))
    assert (found.get_all("Project-URL"), found["Maintainer-email"], found["Home-page"]) == (None, None, None)
    assert found["Maintainer"]


def test_source_distribution_has_the_examples_and_their_tests(published: Path) -> None:
    (source,) = published.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "dags").glob("*.py")} <= names
    assert {"README.md", "CHANGELOG.md", "SECURITY.md", "hatch_build.py", "tests/test_distribution.py"} <= names
    assert not any(name.startswith((".venv", ".matrix", "demo/", "docs/_build")) for name in names)


def test_development_tools_are_no_extra(published: Path) -> None:
    extras = metadata(published).get_all("Provides-Extra", [])
    assert "all" in extras
    assert "dev" not in extras
