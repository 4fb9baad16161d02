"""Clients that write rows with unique keys and note what became of each."""

import http.client
import threading
from collections import Counter

TABLE = "CREATE TABLE written(id INTEGER PRIMARY KEY, key TEXT)"
INSERT = "INSERT INTO written(key) VALUES(?)"


class Ledger:
    """What was attempted, and what the server said is stored. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self.attempted = set()
        self.acknowledged = set()

    def attempt(self, key):
        with self._lock:
            self.attempted.add(key)

    def acknowledge(self, key):
        with self._lock:
            self.acknowledged.add(key)

    def check(self, client):
        """Every acknowledged row is there, none twice, and none that nobody sent."""
        stored = Counter(client.column("SELECT key FROM written"))
        twice = [key for key, count in stored.items() if count > 1]
        assert not twice, twice[:10]
        lost = self.acknowledged - set(stored)
        assert not lost, sorted(lost)[:10]
        invented = set(stored) - self.attempted
        assert not invented, sorted(invented)[:10]


def plain(client, key):
    reply = client.execute([[INSERT, key]])
    return reply.status == 200 and "error" not in reply.text


def queued(client, key):
    reply = client.queue([[INSERT, key]], "wait")
    return reply.status == 200 and "error" not in reply.text


def forgotten(client, key):
    """Accepted, and nothing more is known of it."""
    client.queue([[INSERT, key]])
    return False


class Writers:
    """Threads that write until the node goes away or stop() is called."""

    def __init__(self, node, ledger, name, *kinds):
        self._ledger = ledger
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(node.new_client(), f"{name}/{i}", kind))
            for i, kind in enumerate(kinds)]
        for thread in self._threads:
            thread.start()

    def _run(self, client, name, write):
        n = 0
        while not self._stopping.is_set():
            key = f"{name}/{n}"
            n += 1
            self._ledger.attempt(key)
            try:
                if write(client, key):
                    self._ledger.acknowledge(key)
            except (OSError, http.client.HTTPException):
                return  # the node is gone, and what became of this one nobody knows

    def stop(self):
        self._stopping.set()
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join()
