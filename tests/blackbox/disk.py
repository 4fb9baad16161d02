"""A file system that is small enough to be filled."""

import os
import subprocess

import pytest

from node import eventually

MEBI = 1 << 20


def mount_small(directory, mebibytes=80):
    """Mounts that much there; skips the test where that is not allowed."""
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system needs the right to mount: {mounted.stderr.strip()}")


def unmount(directory):
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


class Ballast:
    """A file that takes up room."""

    def __init__(self, disk):
        self._disk = disk
        self._path = disk / "ballast"

    def fill(self, leave):
        # The node may be at work on its next log segment: then it is tried again.
        eventually(lambda: self._try_to_fill(leave))

    def _try_to_fill(self, leave):
        state = os.statvfs(self._disk)
        try:
            with open(self._path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave)
        except OSError:
            self.drop()
            return False
        return True

    def drop(self):
        self._path.unlink()
