"""Install the wheel beside each Airflow and Python, with each extra, and run `matrix_cell.py` there.

Environments are kept below the folder, so a second run installs only the wheel. The constraints are Airflow's own;
where they cannot be fetched, uv resolves what was released on the day of that Airflow.

Usage: ``python scripts/matrix.py FOLDER`` runs all cells and writes the table in the documentation;
``python scripts/matrix.py FOLDER NAME …`` runs cells by their names, and writes nothing.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from matrix_table import write_table
from moto.server import ThreadedMotoServer

from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.extras import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
PACKAGE = "airflow-provider-meetings"
AIRFLOWS = {"3.2.0": "2026-04-07T13:00:00Z", "3.2.2": "2026-05-29T06:00:00Z", "3.3.2": "2026-09-17T09:00:00Z"}
"""Each version with the time right after its release; the last one is the newest."""
PYTHONS = ("3.11", "3.12", "3.13")
ALL = tuple(sorted(EXTRAS - {"mysql"}))
CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{}/constraints-{}.txt"
PROVIDERS = ("amazon", "mysql", "postgres", "redis", "sqlite")
"""Those that Airflow's constraints pin; that of DuckDB is younger than Airflow 3.2."""


@dataclass(frozen=True)
class Cell:
    """One environment; `lowest` has the lowest version of each dependency that ``pyproject.toml`` allows."""

    airflow: str
    python: str
    extras: tuple[str, ...]
    lowest: bool = False

    @property
    def name(self) -> str:
        what = "lowest" if self.lowest else "all" if self.extras == ALL else "+".join(self.extras) or "none"
        return f"{self.airflow}-{self.python}-{what}"


def cells() -> list[Cell]:
    """Return all cells, those of one Airflow and Python together."""
    oldest, *_, newest = AIRFLOWS
    found = [Cell(airflow, python, extras) for airflow in AIRFLOWS for python in PYTHONS for extras in ((), ALL)]
    found += [Cell(airflow, "3.12", (extra,)) for airflow in (oldest, newest) for extra in sorted(EXTRAS)]
    return [*found, Cell(oldest, "3.11", ALL, lowest=True)]


def main() -> int:
    """Run the cells; return 1 if one failed."""
    folder = Path(sys.argv[1]).resolve()
    names = sys.argv[2:]
    chosen = [cell for cell in cells() if not names or cell.name in names]
    if unknown := set(names) - {cell.name for cell in chosen}:
        raise SystemExit(f"No such cell: {', '.join(sorted(unknown))}. There are: {', '.join(c.name for c in cells())}")
    results: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        emulator, s3 = stack.enter_context(serve(EmulatorState())), stack.enter_context(serve_s3())
        wheel = build(folder / "dist")
        for cell in chosen:
            started = time.monotonic()
            results[cell.name] = result = run(cell, folder, wheel, emulator, s3)
            print(f"{cell.name:24} {time.monotonic() - started:5.1f} s  {result.get('problem') or 'ok'}", flush=True)
    if not names:
        (folder / "results.json").write_text(json.dumps(results, indent=1))
        write_table(results)
    failed = [name for name, result in results.items() if result.get("failed")]
    print(f"{len(results) - len(failed)} of {len(results)} cells without a failure")
    return 1 if failed else 0


@contextmanager
def serve_s3() -> Iterator[str]:
    """Serve S3 with the bucket ``lake``."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    login = {"aws_access_key_id": "matrix", "aws_secret_access_key": "matrix"}
    boto3.client("s3", endpoint_url=url, region_name="us-east-1", **login).create_bucket(Bucket="lake")
    try:
        yield url
    finally:
        server.stop()


def build(folder: Path) -> Path:
    """Build the wheel and return its path."""
    shutil.rmtree(folder, ignore_errors=True)
    uv("build", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(cell: Cell, folder: Path, wheel: Path, emulator: str, s3: str) -> dict[str, Any]:
    """Install and run one cell; return its report, or ``problem`` and whether it ``failed``."""
    interpreter = find_interpreter(cell.python)
    if interpreter is None:
        return {"problem": f"not run: no Python {cell.python} here"}
    here = folder / "cells" / cell.name
    python = here / "env" / "bin" / "python"
    shutil.rmtree(here / "run", ignore_errors=True)
    (here / "run").mkdir(parents=True)
    try:
        install(cell, interpreter, python, pins(cell, interpreter, folder), wheel)
        environment = settings(here / "run")
        checked([python.parent / "airflow", "db", "migrate"], here / "run", environment)
        command = [python, SCRIPTS / "matrix_cell.py", "--extras", ",".join(cell.extras), "--s3", s3]
        # With the extra, the emulator of the cell itself serves.
        command += [] if "emulator" in cell.extras else ["--emulator", emulator]
        return dict(json.loads(checked(command, here / "run", environment).splitlines()[-1]))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        printed = "\n".join(part for part in (str(error), error.stdout, error.stderr) if isinstance(part, str))
        (here / "failure.log").write_text(printed)
        last = printed.strip().splitlines()[-1:]
        return {"failed": True, "problem": f"FAILED {' '.join(last)}: see {here / 'failure.log'}"}


def pins(cell: Cell, interpreter: str, folder: Path) -> Path:
    """Return the file with the versions that the cell must have."""
    path = folder / f"{cell.airflow}-{cell.python}{'-lowest' if cell.lowest else ''}.txt"
    if path.exists() and not cell.lowest:
        return path
    asked = path.with_suffix(".in")
    released = ("--exclude-newer", AIRFLOWS[cell.airflow])
    common = ("--python", interpreter, *released, "--no-annotate", "--output-file", path)
    if cell.lowest:
        asked.write_text(f"apache-airflow=={cell.airflow}\n")
        # Its first release is younger than this Airflow.
        younger = ("--exclude-newer-package", "apache-airflow-providers-duckdb=2026-12-01")
        extras = [option for extra in cell.extras for option in ("--extra", extra)]
        rest = ("--resolution", "lowest-direct", "--constraints", asked, *extras, *younger, ROOT / "pyproject.toml")
        uv("pip", "compile", "--upgrade", *common, *rest)
        return path
    try:
        with urllib.request.urlopen(CONSTRAINTS.format(cell.airflow, cell.python), timeout=20) as answer:  # noqa: S310
            path.write_bytes(answer.read())
    except OSError:
        providers = (f"apache-airflow-providers-{name}" for name in PROVIDERS)
        asked.write_text("\n".join((f"apache-airflow=={cell.airflow}", *providers, "duckdb")))
        uv("pip", "compile", *common, asked)
    return path


def install(cell: Cell, interpreter: str, python: Path, constraints: Path, wheel: Path) -> None:
    """Install Airflow and the wheel in the cell's environment, and remove what else is there."""
    if not python.exists():
        uv("venv", "--python", interpreter, python.parent.parent)
    ours = f"{PACKAGE}[{','.join(cell.extras)}] @ {wheel.as_uri()}"
    options = ("--exact", "--reinstall-package", PACKAGE, "--constraints", constraints)
    uv("pip", "install", "--python", python, *options, f"apache-airflow=={cell.airflow}", ours)


def find_interpreter(version: str) -> str | None:
    """Return the path of a Python: on the PATH, or among pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    for candidate in (*on_path, *(root.glob(f"{version}.*/bin/python"))):
        if candidate.is_file():
            with suppress(subprocess.CalledProcessError):  # a shim of pyenv fails
                return checked([candidate, "-c", "import sys; print(sys.executable)"], ROOT, dict(os.environ)).strip()
    return None


def settings(folder: Path) -> dict[str, str]:
    """Return the environment of a cell's processes: nothing of this checkout, of this Airflow, or of a proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON", "MATRIX"))}
    return kept | {
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(SCRIPTS / "matrix_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__MEETINGS__STATE_DIR": str(folder / "state"),
        "NO_PROXY": "127.0.0.1,localhost",
    }


def uv(*arguments: object) -> str:
    """Run uv with the interpreters that are there; a failure raises CalledProcessError."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    return checked([Path(sys.executable).parent / "uv", *arguments], ROOT, environment)


def checked(command: list[Any], folder: Path, environment: dict[str, str]) -> str:
    """Run a command and return its output; a failure raises CalledProcessError."""
    known: dict[str, Any] = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    return str(subprocess.run(list(map(str, command)), check=True, timeout=600, **known).stdout)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
