"""Clients that write rows with unique keys and note what became of each."""

import http.client
import threading
from collections import Counter
from typing import NamedTuple

TABLE = "CREATE TABLE written(id INTEGER PRIMARY KEY, key TEXT)"
INSERT = "INSERT INTO written(key) VALUES(?)"


# Starts of a node of which it can say what became of their queued writes.
STARTS = 4
# Queued writes about which it is asked after a start.
ASKED = 400


class Accepted(NamedTuple):
    keys: tuple  # of the rows that it inserts
    doomed: bool  # or not: it fails as a whole
    start: int


class Ledger:
    """What was attempted, and what the server said is stored. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._start = 0
        self.attempted = set()
        self.acknowledged = set()
        self.accepted = {}  # by sequence number
        self.failed = set()  # numbers of which this was answered

    def note_restart(self):
        self._start += 1

    def accept(self, number, *keys, doomed=False):
        with self._lock:
            assert number not in self.accepted, "a number was given twice"
            self.accepted[number] = Accepted(keys, doomed, self._start)

    def attempt(self, key):
        with self._lock:
            self.attempted.add(key)

    def acknowledge(self, key):
        with self._lock:
            self.acknowledged.add(key)

    def note_failure(self, number):
        with self._lock:
            self.failed.add(number)

    def check(self, client):
        """Every acknowledged row is there, none twice, and none that nobody sent."""
        stored = Counter(client.column("SELECT key FROM written"))
        twice = [key for key, count in stored.items() if count > 1]
        assert not twice, twice[:10]
        lost = self.acknowledged - set(stored)
        assert not lost, sorted(lost)[:10]
        invented = set(stored) - self.attempted
        assert not invented, sorted(invented)[:10]

    def check_order(self, client):
        """The order of numbers is the order of execution."""
        place = {key: i for i, key in enumerate(
            client.column("SELECT key FROM written ORDER BY id"))}
        places = [place[key] for _, each in sorted(self.accepted.items())
                  for key in each.keys if key in place]
        assert places == sorted(places)

    def check_states(self, client):
        """What the node says of queued writes, after its restart, is what the table holds."""
        stored = Counter(client.column("SELECT key FROM written"))
        numbers = sorted(self.accepted)
        # The last ones, which the kill may have met, and some of the others.
        for number in numbers[-ASKED // 2:] + numbers[::max(1, len(numbers) // (ASKED // 2))]:
            self._check_state(number, client.state(number), stored)

    def _check_state(self, number, state, stored):
        keys, doomed, start = self.accepted[number]
        rows = [stored[key] for key in keys]
        about = (number, state, keys, doomed, start, self._start, rows)
        if state == "unknown" and start <= self._start - STARTS:
            return  # too long ago to tell
        if state == "applied":
            assert not doomed and set(rows) == {1}, about
        else:
            assert state == "failed" and doomed or state == "unknown", about
            assert set(rows) == {0}, about
            assert state == "failed" or number not in self.failed, about


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


def numbered(ledger, *flags):
    """Queued writes, to ask about by their numbers."""
    def write(client, key):
        reply = client.queue([[INSERT, key]], *flags)
        if reply.status != 200 or "error" in reply.text:
            return False
        ledger.accept(reply.number, key)
        return "wait" in flags

    return write


def curious(ledger):
    """Queued writes that count as stored as soon as the node says that they are persisted."""
    def write(client, key):
        reply = client.queue([[INSERT, key]])
        if reply.status != 200:
            return False
        ledger.accept(reply.number, key)
        while (state := client.state(reply.number)) == "queued":
            pass
        return state in ("persisted", "applied")

    return write


def transactions(ledger, *flags):
    """Queued transactions of two rows each; every tenth fails."""
    def write(client, key):
        keys = (f"{key}/a", f"{key}/b")
        doomed = key.endswith("9")
        for each in keys:
            ledger.attempt(each)
        reply = client.queue([*([INSERT, each] for each in keys),
                              *(["INSERT INTO ghosts VALUES(1)"] if doomed else [])],
                             "transaction", *flags)
        if reply.status != 200:
            return False
        ledger.accept(reply.number, *keys, doomed=doomed)
        if "wait" in flags:
            assert ("no such table: ghosts" in reply.text) == doomed, reply.text
            if doomed:
                ledger.note_failure(reply.number)
            else:
                for each in keys:
                    ledger.acknowledge(each)
        return False

    return write


class Keyed:
    """Writes one row at a time, each under a key of its own, and tries each again until it is
    answered, after a restart too."""

    def __init__(self, ledger, *flags):
        self._ledger = ledger
        self._flags = flags
        self._unanswered = None

    def __call__(self, client, key):
        self.finish(client)
        self._unanswered = key
        return self.finish(client)

    def finish(self, client):
        """Tries again what was not answered. Whether it is stored now."""
        if self._unanswered is None:
            return True
        key = self._unanswered
        reply = client.keyed(key.replace(" ", "-"), [[INSERT, key]], *self._flags)
        assert reply.status == 200 and "error" not in reply.text, reply.text
        self._ledger.acknowledge(key)
        self._unanswered = None
        return True


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
