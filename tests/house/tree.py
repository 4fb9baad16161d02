"""The source tree as the tests of the house see it: what git tracks or would track."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _files():
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # git lists a file that was deleted but not yet committed as such.
    return sorted(name for name in names.split("\0") if name and (ROOT / name).is_file())


FILES = _files()
ROOMS = sorted({name.split("/")[1] for name in FILES if re.match(r"src/\w+/", name)})


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def lines(name):
    """Pairs of line number and line."""
    return enumerate(text(name).splitlines(), start=1)
