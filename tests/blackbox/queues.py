"""What the tests of the write queue share: a table, and ways to hold the queue up."""

import json
import threading
from contextlib import contextmanager
from http.client import HTTPException

from client import target
from disk import MEBI
from node import eventually

LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, line)"
INSERT = "INSERT INTO log(line) VALUES(?)"
ACCEPTED = r'\{"results":\[\],"sequence_number":(\d+)\}'

# Nothing leaves the queue by itself.
HOLD = ("-write-queue-timeout", "1h", "-write-queue-batch-size", "100000")
# Batches that may be on their way at a time.
BATCHES = 4
# A statement that keeps the node busy for half a second or so.
SLOW = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 2000000) "
        "INSERT INTO log(line) SELECT count(*) FROM n")


def lines(client):
    return client.column("SELECT line FROM log ORDER BY id")


def in_background(call):
    """Runs it on a thread; returns the thread and the list that gets what it returns, or the
    error if the node goes away."""
    outcome = []

    def run():
        try:
            outcome.append(call())
        except (OSError, HTTPException) as gone:
            outcome.append(gone)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


@contextmanager
def busy(node):
    """The node applies a long statement: what is persisted behind it is not applied yet."""
    slow, _ = in_background(lambda: node.new_client().execute([SLOW]))
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    yield
    slow.join()


def run_threads(*calls):
    """Runs the calls at the same time; the first that fails fails the test."""
    failures = []

    def guarded(call):
        try:
            call()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Stuck:
    """A node whose disk is full, so that what its queue takes stays there, until release().
    `lines` and `numbers` are those of the requests that it took, in order."""

    def __init__(self, node, ballast):
        self.node = node
        self.client = node.client
        self._ballast = ballast
        self.lines = []
        self.numbers = []
        self.client.must(LOG)
        ballast.fill(leave=4 * MEBI)
        while not self._is_stuck():
            assert self.accept(f"{len(self.lines)}/" + "x" * 100_000)

    def _is_stuck(self):
        assert len(self.lines) < 1000, "the disk is never full"
        # It changes nothing if it turns out to have been in time.
        return "disk is full" in self.client.execute(["DELETE FROM log WHERE 0"]).text

    def accept(self, line):
        """Whether the queue had room for it."""
        reply = self.client.queue([[INSERT, line]], timeout="300ms")
        if reply.status == 200:
            self.lines.append(line)
            self.numbers.append(reply.number)
        return reply.status == 200

    def fill_queue(self):
        """From now on there is no room for 50 kB; for much less there is."""
        while self.accept("x" * 50_000):
            pass

    def waiting_for_room(self):
        return self.client.queue_report()["waiting_for_room"]

    def send(self, line, *flags):
        """Sends an insert and waits for nothing but that it waits for room."""
        before = self.waiting_for_room()
        body = json.dumps([[INSERT, line]])
        connection = self.node.connect()
        connection.sendall(f"POST {target('/db/execute', ['queue', *flags])} HTTP/1.1\r\n"
                           f"Host: a\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        eventually(lambda: self.waiting_for_room() == before + 1)
        return connection

    def make_room(self):
        """There is room on the disk again."""
        self._ballast.drop()

    def release(self):
        """Likewise, and waits until all that was taken is applied."""
        self.make_room()
        eventually(lambda: self.client.queue("[]", "wait").status == 200)
