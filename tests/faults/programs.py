"""The programs of the folder go/, built when they are first needed."""

import functools
import os
import subprocess
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "go"
PLACE = Path(__file__).resolve().parents[2] / "build" / "faults"
# The Go that is installed, not one that it would fetch; and no C.
ENVIRONMENT = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false",
                            "CGO_ENABLED": "0"}


@functools.cache
def program(name):
    """Its path. Go knows whether there is anything to build."""
    PLACE.mkdir(parents=True, exist_ok=True)
    go("build", "-o", str(PLACE / name), f"./{name}")
    return str(PLACE / name)


def go(*words):
    """Runs Go on our module; what it prints."""
    done = subprocess.run(["go", *words], cwd=SOURCES, env=ENVIRONMENT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, f"go {' '.join(words)}:\n{done.stdout}{done.stderr}"
    return done.stdout
