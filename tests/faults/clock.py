"""A process's time of day, moved as one likes."""

import functools
import struct
import subprocess
from pathlib import Path

from programs import PLACE

SOURCE = Path(__file__).resolve().with_name("clock_shift.c")


@functools.cache
def library():
    """The path of clock_shift.c as a library."""
    PLACE.mkdir(parents=True, exist_ok=True)
    path = PLACE / "clock_shift.so"
    if not path.exists() or path.stat().st_mtime < SOURCE.stat().st_mtime:
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC",
                        "-o", str(path), str(SOURCE)], check=True)
    return path


class Clock:
    """What the time of day of a process differs from the machine's by."""

    def __init__(self, path):
        self._path = path
        self._seconds = 0.0
        # One that a process has mapped must not be replaced, only changed.
        self._file = open(path, "w+b", buffering=0)
        self.jump_to(0)

    def prefix(self):
        """A command that runs another one, as the same process, with this clock."""
        return ["env", f"LD_PRELOAD={library()}", f"CLOCK_SHIFT_FILE={self._path}"]

    @property
    def seconds(self):
        return self._seconds

    def jump_to(self, seconds):
        """So far ahead of the machine's from now on; behind if negative."""
        self._file.seek(0)
        self._file.write(struct.pack("=q", int(seconds * 1e9)))
        self._seconds = seconds

    def jump(self, seconds):
        self.jump_to(self._seconds + seconds)

    def close(self):
        self._file.close()
