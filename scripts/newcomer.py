"""Type every command of README and quick start in an empty clone, in their order, and print how long each takes.

The commands of the README run in the clone; those of the quick start, up to the real platform, in an Airflow that
exists already. The log names what was not typed, and why. Usage: ``python scripts/newcomer.py [FOLDER]``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.error import URLError

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^(?:```console\n|\.\. code-block:: console\n\n)((?: *\$ .*\n)+)", re.M)
_CONSTRAINT = re.compile(r"https://raw\.githubusercontent\.com/apache/airflow/constraints-\S+")
_SERVES = {"make airflow": "Open ", "python -m airflow_provider_meetings.emulator": "Emulator listening"}
"""Commands that run until Ctrl-C, and what they print when they are ready."""


def main() -> int:
    """Run everything; return 1 if a command failed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="newcomer-")).resolve()
    clone = folder / "clone"
    for made in ("clone", "meetings"):
        shutil.rmtree(folder / made, ignore_errors=True)
    (folder / "meetings.duckdb").unlink(missing_ok=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S603, S607  # the reader's git
    print(f"Typed in an empty clone, {clone}.\n\nREADME:", flush=True)
    ok = True
    env: dict[str, str] | None = None
    for command in commands(clone / "README.md"):
        if "…" in command or "connections test" in command:
            print(f"           not typed, since it needs a real account: $ {command}", flush=True)
        elif command.startswith("make "):
            ok = typed(command, clone, dict(os.environ), stop=True) and ok
        else:
            env = env or existing_airflow(folder, clone)
            ok = typed(constrained(command, clone), clone, env) and ok
    env = env or existing_airflow(folder, clone)
    print("\nQuick start:", flush=True)
    started = time.monotonic()
    serving: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands(clone / "docs" / "start" / "quickstart.rst"):
            # Its own lake, so that it begins without one.
            command = constrained(command, clone).replace("/tmp/meetings", str(folder / "meetings"))  # noqa: S108
            ok = typed(command, clone, env, serving=serving) and ok
        print(f"[{time.monotonic() - started:6.1f} s] all of the quick start, from the installation to the rows")
    finally:
        for process in serving:
            end(process)
    return int(not ok)


def commands(page: Path) -> Iterator[str]:
    """Yield the commands of a page, up to those for the real platform, without comments."""
    text = page.read_text("utf-8").partition("\n7. The real platform\n")[0]
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            yield re.sub(r"\s+# .*", "", line.strip().removeprefix("$ "))


def typed(
    command: str,
    folder: Path,
    env: Mapping[str, str],
    *,
    stop: bool = False,
    serving: list[subprocess.Popen[bytes]] | None = None,
) -> bool:
    """Type a command and print how long it took; one that serves is left running in `serving`, or stopped."""
    started = time.monotonic()
    ready = next((text for start, text in _SERVES.items() if command.startswith(start)), None)
    log = folder.parent / "printed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # what the page says
            ["bash", "-c", f"exec {command}" if ready else command],  # noqa: S607
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    if ready is None:
        ok = process.wait() == 0
    else:
        ok = wait_until(lambda: ready in log.read_text(errors="replace") or process.poll() is not None)
        ok = ok and process.poll() is None
        if stop:
            end(process)
        elif serving is not None:
            serving.append(process)
    print(f"[{time.monotonic() - started:6.1f} s] {'ok    ' if ok else 'FAILED'} $ {command}", flush=True)
    if not ok:
        print(log.read_text(errors="replace")[-3000:], flush=True)
    return ok


def existing_airflow(folder: Path, clone: Path) -> dict[str, str]:
    """Install the Airflow that the reader has already, and return its environment."""
    started = time.monotonic()
    shutil.rmtree(folder / "airflow", ignore_errors=True)
    venv = folder / "venv"
    install = next(
        one for one in commands(clone / "docs" / "start" / "quickstart.rst") if one.startswith("pip install")
    )
    version = re.findall(r"apache-airflow==[\d.]+", install)[0]
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    env |= {"AIRFLOW_HOME": str(folder / "airflow"), "PATH": f"{venv / 'bin'}{os.pathsep}{env['PATH']}"}
    env |= {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    _, constraint, url = install.partition(" --constraint ")
    run = (
        [sys.executable, "-m", "venv", "--clear", str(venv)],
        ["bash", "-c", constrained(f"pip install --quiet '{version}'{constraint}{url}", clone)],
        ["airflow", "db", "migrate"],
    )
    for command in run:
        subprocess.run(command, env=env, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    print(f"\n(an existing {version}, which the reader has: {time.monotonic() - started:.0f} s)")
    return env


def constrained(command: str, clone: Path) -> str:
    """Name Airflow's constraints for this Python; where they cannot be fetched, those of the repository."""
    match = _CONSTRAINT.search(command)
    if not match:
        return command
    url = re.sub(r"constraints-[\d.]+\.txt", f"constraints-{sys.version_info[0]}.{sys.version_info[1]}.txt", match[0])
    try:
        urllib.request.urlopen(url, timeout=20).close()  # noqa: S310  # https
    except URLError:
        print(f"           {url} cannot be fetched here: constraints.txt instead")
        url = str(clone / "constraints.txt")
    return command.replace(match[0], url)


def wait_until(done: Callable[[], bool], seconds: float = 600) -> bool:
    """Wait until `done`; return whether it was in time."""
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)
    return done()


def end(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
