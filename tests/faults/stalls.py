"""How long the machine itself holds up who writes to the disk and syncs, while a test runs: on one
that is shared that may be longer than what is to be measured."""

import os
import threading
import time


class Stalls:
    """Writes a page every few milliseconds, to the file system of `place`; from its making until
    close()."""

    EVERY = 0.005
    # What is shorter is how it always is.
    NOTABLE = 0.02

    def __init__(self, place, sync=os.fdatasync):
        self._sync = sync
        self._file = os.open(place / "stalls", os.O_RDWR | os.O_CREAT)
        self._found = []  # begin, end, by time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        began = time.monotonic()
        while not self._closing.wait(self.EVERY):
            os.pwrite(self._file, bytes(4096), 0)
            self._sync(self._file)
            ended = time.monotonic()
            if ended - began > self.NOTABLE:
                self._found.append((began, ended))
            began = ended

    def between(self, begin, end):
        """Seconds of that time in which it could not write."""
        return sum(max(0.0, min(end, ended) - max(begin, began))
                   for began, ended in list(self._found))

    def close(self):
        self._closing.set()
        self._thread.join()
        os.close(self._file)
