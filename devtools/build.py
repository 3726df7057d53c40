"""Build the release: the source distribution, and the wheel from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from dev import ROOT

DIST = ROOT / "dist"


def main() -> int:
    """Build into dist/, verify that a second build is identical, and check the metadata."""
    shutil.rmtree(DIST, ignore_errors=True)
    files = build(DIST)
    with TemporaryDirectory() as folder:
        differing = [
            path.name
            for path, again in zip(files, build(Path(folder)), strict=True)
            if path.read_bytes() != again.read_bytes()
        ]
    if differing:
        print("A second build differs:", *differing)
        return 1
    return subprocess.call([sys.executable, "-m", "twine", "check", "--strict", *files])


def build(folder: Path, checkout: Path = ROOT) -> list[Path]:
    """Return the wheel and the source distribution, built into a folder.

    The build backend sets fixed file times, so that builds are reproducible.
    """
    command = [sys.executable, "-m", "build", "--quiet", "--installer=uv", f"--outdir={folder}"]
    subprocess.run([*command, checkout], check=True)
    return sorted(folder.iterdir(), key=lambda path: path.suffix != ".whl")


def copy_checkout(folder: Path) -> None:
    """Copy the files of this checkout, except those that git ignores."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in found.rstrip("\0").split("\0"):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


if __name__ == "__main__":
    sys.exit(main())
