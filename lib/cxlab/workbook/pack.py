"""A room without internet: one folder with wheels, data, notebooks and the built report (``make pack``)."""

import argparse
import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from cxlab.data.errors import InputError, OutOfReach
from cxlab.data.files import cache_folder, project_folder

SUMS = "SHA256SUMS"


def make_pack(out: Path, *, python: str = "") -> list[str]:
    """Fill a folder from which ``make workshop OFFLINE=folder`` sets up without a network.

    ``out`` is made anew; a folder that is not a pack is refused. ``python`` is the attendees' version, such
    as ``"3.12"``; empty: this one. Wheels are for this machine's platform. Returns what to print. Raises
    ``InputError`` when there is no report yet, ``OutOfReach`` when a wheel cannot be fetched.
    """
    root = project_folder()
    if out.exists() and any(out.iterdir()) and not (out / SUMS).is_file():
        raise InputError(f"{out} holds files but no {SUMS}; name an empty folder")
    if not (root / "reports" / "index.html").is_file():
        raise InputError("there is no report yet; run make report first")
    shutil.rmtree(out, ignore_errors=True)
    wheels = out / "wheels"
    wheels.mkdir(parents=True)
    for lock in ("installer.lock", "requirements.lock"):
        _download(root / "lib" / lock, wheels, python)
    shutil.copytree(cache_folder() / "sources", out / "sources")
    shutil.copytree(root / "reports", out / "report")
    shutil.copytree(root / "notebooks", out / "notebooks", ignore=shutil.ignore_patterns(".*"))
    files = sorted(path for path in out.rglob("*") if path.is_file())
    sums = [f"{_hash(path)}  {path.relative_to(out).as_posix()}" for path in files]
    (out / SUMS).write_text("\n".join(sums) + "\n", encoding="utf-8")
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
        path = pack / name
        if not path.is_file() or _hash(path) != expected:
            raise InputError(f"{name} in {pack} is missing or damaged; copy the pack again")
    target = cache_folder() / "sources"
    shutil.copytree(pack / "sources", target, dirs_exist_ok=True)
    return [f"{pack}: every file is whole; the data are in place"]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(lock: Path, folder: Path, python: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), "-r", str(lock)]
    command += ["--python-version", python] if python else []
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        fault = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "no answer")
        raise OutOfReach(f"a wheel could not be fetched: {fault.removeprefix('ERROR: ')}")


def main() -> int:
    """Run ``python -m cxlab.workbook.pack OUT [--python 3.12]`` or ``--unpack PACK``."""
    parser = argparse.ArgumentParser(prog="make pack", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default="")
    parser.add_argument("--unpack", action="store_true")
    given = parser.parse_args()
    try:
        lines = unpack(given.folder) if given.unpack else make_pack(given.folder, python=given.python)
    except (InputError, OutOfReach) as fault:
        print(f"pack: {fault}", file=sys.stderr)
        return 2 if isinstance(fault, InputError) else 4
    print(*lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
