"""A room without internet: one folder with wheels, data, notebooks and the built report (``make pack``)."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import cache_folder, project_folder, sha256_of

SUMS = "SHA256SUMS"


def make_pack(out: Path, *, python: str = "") -> list[str]:
    """Fill a new folder from which ``make workshop OFFLINE=folder`` sets up without a network.

    ``python`` is the attendees' version, such as ``"3.12"``; empty: this one. Wheels are for this machine's
    platform. Returns what to print.
    """
    root = project_folder()
    if out.exists() and any(out.iterdir()) and not (out / SUMS).is_file():
        raise InputError(f"{out} holds files but no {SUMS}; name an empty folder")
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(root / "reports", out / "report")
    shutil.copytree(cache_folder() / "sources", out / "sources")
    shutil.copytree(root / "notebooks", out / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for lock in ("installer.lock", "requirements.lock"):
        _download(root / "lib" / lock, out / "wheels", python)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    sums = [f"{sha256_of(path)}  {path.relative_to(out).as_posix()}\n" for path in files]
    (out / SUMS).write_text("".join(sums), encoding="utf-8")
    size = sum(path.stat().st_size for path in files) / 1e6
    version = python or platform.python_version().rpartition(".")[0]
    return [
        f"{out}: {len(files)} files, {size:.0f} MB, listed with their hashes in {SUMS}",
        f"it serves Python {version} on {platform.system()} {platform.machine()}",
        f"in the room: copy the project and {out.name}, then make workshop OFFLINE={out.name}",
    ]


def unpack(pack: Path) -> list[str]:
    """Check a pack against its hashes and put its data where the notebooks look for them."""
    if not (pack / SUMS).is_file():
        raise InputError(f"{pack} is no pack: it has no {SUMS}")
    for line in (pack / SUMS).read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        if not (pack / name).is_file() or sha256_of(pack / name) != expected:
            raise InputError(f"{name} in {pack} is missing or damaged; copy the pack again")
    shutil.copytree(pack / "sources", cache_folder() / "sources", dirs_exist_ok=True)
    return [f"{pack}: every file is whole; the data are in place"]


def _download(lock: Path, folder: Path, python: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    options += ["--python-version", python] if python else []
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        fault = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "no answer")
        raise OutOfReach(f"a wheel could not be fetched: {fault.removeprefix('ERROR: ')}")
