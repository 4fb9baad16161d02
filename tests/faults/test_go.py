"""The checker and the emulator of links have tests in their own language."""

import subprocess

from programs import SOURCES, go


def test_go():
    print(go("vet", "./..."))
    # What passed before need not run again: nothing but the sources counts.
    print(go("test", "./..."))


def test_the_form():
    files = [str(path) for path in SOURCES.glob("*/*.go")]
    assert files
    done = subprocess.run(["gofmt", "-l", *files], capture_output=True, text=True, check=True)
    assert done.stdout == ""
