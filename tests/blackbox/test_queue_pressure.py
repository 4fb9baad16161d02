"""A full queue, more work than can be done, and neighbours that mean harm."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from disk import MEBI
from exposition import parse
from load import OpenLoad
from node import eventually
from queues import ACCEPTED, BATCHES, HOLD, INSERT, in_background, lines, run_threads

# Longer, to see that nothing grows: QUEUE_OVERLOAD_SECONDS=60 pytest test_queue_pressure.py
OVERLOAD_SECONDS = float(os.environ.get("QUEUE_OVERLOAD_SECONDS", "5"))
# How late an answer may be, in seconds, on a machine that is busy with something else.
ROOM = 10

FULL = "queue is full\n"


def waiting_for_room(node):
    return node.client.queue_report()["waiting_for_room"]


# Full by requests: what is accepted waits behind a statement that takes its time.

def test_a_full_queue_refuses_when_time_is_up(full):
    began = time.monotonic()
    reply = full.client.queue([[INSERT, "late"]], timeout="200ms")
    took = time.monotonic() - began
    assert (reply.status, reply.text) == (503, FULL)
    assert reply.headers["Retry-After"] == "1"
    assert "X-Rqlite-Sequence-Number" not in reply.headers
    assert 0.2 <= took < 0.2 + ROOM
    full.busy.join()
    full.client.queue("[]", "wait")
    assert lines(full.client)[1:] == full.accepted


@pytest.mark.parametrize("timeout", ["0", "-1s"])
def test_a_full_queue_refuses_at_once_who_has_no_time(full, timeout):
    for flags in ((), ("wait",)):
        reply = full.client.queue([[INSERT, "late"]], *flags, timeout=timeout)
        assert (reply.status, reply.text) == (503, FULL)


@pytest.mark.parametrize("timeout", ["30s", "2562047h"])
def test_a_full_queue_lets_requests_in_when_there_is_room(full, timeout):
    last = full.client.queue_report()["accepted"]
    waiting = []
    for n in range(3):
        waiting.append(in_background(
            lambda n=n: full.new_client().queue([[INSERT, f"in {n}"]], *[["wait"], []][n % 2],
                                                timeout=timeout)))
        eventually(lambda n=n: waiting_for_room(full) == n + 1)
    for n, (thread, replies) in enumerate(waiting):
        thread.join()
        assert re.fullmatch(ACCEPTED, replies[0].text)
        assert replies[0].number == last + 1 + n
    full.client.queue("[]", "wait")
    assert lines(full.client)[1:] == [*full.accepted, "in 0", "in 1", "in 2"]


def test_a_refused_request_takes_no_number(full):
    last = full.client.queue_report()["accepted"]
    assert full.client.queue([[INSERT, "late"]], timeout="10ms").status == 503
    full.busy.join()
    assert full.client.queue("[]", "wait").number == last + 1



# Full by bytes.

LIMIT = ("-write-queue-max-bytes", "1000")


def test_a_request_larger_than_the_queue_is_refused_at_once(start_queue):
    client = start_queue(*LIMIT).client
    before = client.queue([[INSERT, "x" * 500]], "wait").number
    for flags in ((), ("wait",), ("noleader",)):
        reply = client.queue([[INSERT, "y" * 1000]], *flags)
        assert (reply.status, reply.text) == (413, "the request is larger than the write queue\n")
        assert "X-Rqlite-Sequence-Number" not in reply.headers
    assert client.queue([[INSERT, "z" * 500]], "wait").number == before + 1
    assert lines(client) == ["x" * 500, "z" * 500]


def test_a_full_queue_does_not_wait_for_company(start_queue):
    client = start_queue("-write-queue-capacity", "4", *HOLD).client
    numbers = [client.queue([[INSERT, n]], timeout="5s").number for n in range(9)]
    assert numbers == list(range(numbers[0], numbers[0] + 9))
    client.queue("[]", "wait")
    assert lines(client) == list(range(9))


def test_a_queue_that_is_full_by_bytes_does_not_wait_for_company(start_queue):
    client = start_queue(*LIMIT, *HOLD).client
    for n in range(5):
        assert client.queue([[INSERT, f"{n}" * 600]], timeout="5s").status == 200
    client.queue("[]", "wait")
    assert lines(client) == [f"{n}" * 600 for n in range(5)]


# Who waits for room, on a node that can store nothing.

@pytest.fixture
def stuck(start_stuck):
    stuck = start_stuck("-write-queue-max-bytes", "250000", "-write-queue-batch-size", "1")
    stuck.fill_queue()
    return stuck


LARGE = "z" * 50_000


def test_a_queue_is_full_by_bytes_too(stuck):
    assert stuck.client.queue_report()["depth"] < 10
    began = time.monotonic()
    reply = stuck.client.queue([[INSERT, LARGE]], timeout="200ms")
    assert 0.2 <= time.monotonic() - began < 0.2 + ROOM
    assert (reply.status, reply.text) == (503, FULL)
    assert reply.headers["Retry-After"] == "1"
    assert stuck.accept("small")  # for which there is room
    assert stuck.client.queue_report()["bytes"] <= 250_000
    stuck.release()
    assert lines(stuck.client) == stuck.lines


def test_a_full_queue_delays_nobody_else(stuck):
    with stuck.send(LARGE):
        assert stuck.client.query(["SELECT count(*) FROM log"], level="none").status == 200
        assert stuck.client.queue('[["INSERT').status == 400
        assert stuck.client.queue(["PRAGMA journal_mode=DELETE"]).status == 200
        # All that before there was room for the one before them.
        assert stuck.waiting_for_room() == 1


def test_nobody_is_overtaken_while_waiting_for_room(stuck):
    with stuck.send(LARGE), stuck.send("small"), stuck.send("tiny", "wait"):
        # There would be room for the last two.
        assert stuck.client.queue_report()["bytes"] < 249_000
        stuck.release()
    assert lines(stuck.client) == [*stuck.lines, LARGE, "small", "tiny"]


@pytest.mark.parametrize("flags", [(), ("wait",)], ids=["queue", "wait"])
def test_who_goes_away_while_waiting_for_room_frees_its_place_and_writes_nothing(stuck, flags):
    before = stuck.client.queue_report()["accepted"]
    gone = [stuck.send(LARGE, *flags) for _ in range(5)]
    with stuck.send("behind them") as behind:
        for each in gone:
            each.close()
        # It does not wait for them any more, although nothing has left the queue.
        assert behind.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    assert stuck.waiting_for_room() == 0
    assert stuck.client.queue_report()["accepted"] == before + 1
    stuck.release()
    assert lines(stuck.client) == [*stuck.lines, "behind them"]


def test_who_goes_away_after_being_accepted_has_written(stuck):
    before = stuck.client.queue_report()["accepted"]
    with pytest.raises(TimeoutError):
        stuck.node.new_client(timeout=0.3).queue([[INSERT, "small"]], "wait")
    assert stuck.client.queue_report()["accepted"] == before + 1
    stuck.release()
    assert lines(stuck.client) == [*stuck.lines, "small"]


def test_who_ends_its_side_of_the_connection_has_gone_away(stuck):
    with stuck.send(LARGE) as half_closed:
        half_closed.shutdown(socket.SHUT_WR)
        eventually(lambda: stuck.waiting_for_room() == 0, within=5)
    stuck.release()
    assert lines(stuck.client) == stuck.lines


def test_many_may_wait_for_room_and_each_is_refused_in_time(stuck):
    def write():
        client = stuck.node.new_client()
        began = time.monotonic()
        reply = client.queue([[INSERT, LARGE]], timeout="500ms")
        assert (reply.status, reply.text) == (503, FULL)
        assert 0.5 <= time.monotonic() - began < 0.5 + ROOM

    run_threads(*[write] * 100)
    stuck.release()
    assert lines(stuck.client) == stuck.lines


# Many clients.

def test_order_is_kept_under_many_clients(start_queue):
    node = start_queue("-write-queue-capacity", "32", "-write-queue-batch-size", "8")
    numbered = {}

    def write(writer):
        client = node.new_client()
        for n in range(40):
            line = f"{writer}/{n}"
            reply = client.queue([[INSERT, line]], *(["wait"] if n % 7 == 0 else []))
            numbered[reply.number] = line

    run_threads(*(lambda writer=writer: write(writer) for writer in range(64)))
    node.client.queue("[]", "wait")
    assert sorted(numbered) == list(range(min(numbered), min(numbered) + 64 * 40))
    stored = lines(node.client)
    assert stored == [line for _, line in sorted(numbered.items())]
    for writer in range(64):
        own = [int(line.split("/")[1]) for line in stored if line.startswith(f"{writer}/")]
        assert own == list(range(40))


# A neighbour that means harm.

class Hostile:
    """A process of its own, so that it does not take time away from the others."""

    def __init__(self, node):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("hostile.py"), str(node.port)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self._process.poll() is None, "it gave up"
        self._process.kill()
        self._process.wait()


def figures(node):
    """What requests of the queue cost: entries of the log, batches, tries."""
    seen = parse(node.client.send("GET", "/metrics").text)
    refused = seen["rqlite_queue_refused_requests_total"]
    return {"entries": seen["rqlite_raft_last_log_index"].value(),
            "batches": seen["rqlite_queue_batches_total"].value(),
            "requests": seen["rqlite_queue_requests_total"].value(),
            "resends": seen["rqlite_queue_resends_total"].value(),
            "no room": refused.value(reason="full")}


# A batch of its requests and others', in the middle of which each is. All but the malformed one.
MIXED = [["SELECT no_such_function()"], [[INSERT, "before"]], ["BEGIN", [INSERT, "mess"]],
         [[INSERT, "between"]], ["INSERT INTO ghosts VALUES(1)"] * 5,
         ["INSERT INTO log(id, line) VALUES(0, 'hostile')"], [[INSERT, "behind"]]]


def test_what_fails_costs_its_batch_no_second_try(start_queue):
    node = start_queue(*HOLD)
    node.client.must("INSERT INTO log(id, line) VALUES(0, 'first')")
    before = figures(node)
    for body in MIXED:
        assert node.client.queue(body).status == 200
    assert node.client.queue([[INSERT, "last"]], "wait").results == []
    after = figures(node)
    assert {key: after[key] - before[key] for key in after} == {
        "entries": 1, "batches": 1, "requests": len(MIXED) + 1, "resends": 0, "no room": 0}
    assert lines(node.client) == ["first", "before", "between", "behind", "last"]


def test_a_hostile_neighbour_takes_nothing_from_the_others(start_queue):
    node = start_queue("-write-queue-max-bytes", "100000")
    node.client.must("INSERT INTO log(id, line) VALUES(0, 'first')")
    before = figures(node)
    written = [[] for _ in range(4)]

    def write(writer):
        client = node.new_client()
        own = written[writer]
        # Until both have done enough beside each other.
        while len(own) < 100 or client.queue_report()["failed_requests"] < 200:
            own.append(f"{writer}/{len(own)}")
            # Nobody is kept waiting for as long as this.
            assert client.queue([[INSERT, own[-1]]], "wait", timeout=f"{ROOM}s").results == []

    def spent():
        return {key: each - before[key] for key, each in figures(node).items()}

    with Hostile(node):
        eventually(lambda: node.client.queue_report()["failed_requests"] > 0)
        run_threads(*(lambda writer=writer: write(writer) for writer in range(4)))
    # Each batch is an entry of the log, whatever is in it. (The last one may be on its way.)
    eventually(lambda: spent()["entries"] == spent()["batches"])
    assert (spent()["resends"], spent()["no room"]) == (0, 0)
    stored = lines(node.client)
    for writer, own in enumerate(written):
        assert [line for line in stored if line.startswith(f"{writer}/")] == own
    assert len(stored) == 1 + sum(map(len, written))


# More work than can be done.

# Takes ten milliseconds or so, so that a Python program can ask for more than the node can do.
HEAVY = ("INSERT INTO log(line) SELECT ? FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
         "SELECT i+1 FROM n WHERE i < 20000) SELECT count(*) FROM n)")


def requests_a_second(node, count=60):
    began = time.monotonic()
    for n in range(count):
        node.client.queue([[HEAVY, f"measured {n}"]])
    node.client.queue("[]", "wait")
    return count / (time.monotonic() - began)


class Watch:
    """Notes the most memory that the node has in use."""

    def __init__(self, node):
        self._node = node
        self._stopping = threading.Event()
        self.most = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stopping.wait(0.02):
            self.most = max(self.most, self._node.resident_bytes())

    def stop(self):
        self._stopping.set()
        self._thread.join()
        return self.most


def overload(node):
    """The answers to more than the node can do. How much that is depends on what else the machine
    does, so it gets ever more until a third is refused."""
    rate = 4 * requests_a_second(node)
    while True:
        load = OpenLoad(node, rate, timeout=500, sql=HEAVY)
        load.run(OVERLOAD_SECONDS)
        if sum(each.status == 503 for each in load.answers) > len(load.answers) / 3:
            return load.answers
        rate *= 2
        assert rate < 100_000, "it cannot be given too much"
        node.client.must("DELETE FROM log")  # lines have the same names again


def test_overload_is_refused_in_time_and_costs_nothing_that_was_accepted(start_queue):
    node = start_queue("-write-queue-capacity", "16")
    requests_a_second(node)
    before = node.resident_bytes()
    watch = Watch(node)
    answers = overload(node)
    report = node.client.queue_report()
    memory = watch.stop() - before

    # What is left to do is what may wait, and be on its way: no backlog.
    assert report["waiting_for_room"] == 0
    assert report["depth"] <= 16 and report["in_flight"] <= BATCHES * 16
    assert node.client.queue([["INSERT INTO log(line) VALUES('after')"]], "wait").status == 200

    refused = [each for each in answers if each.status == 503]
    # 408: it was accepted, and not applied in time.
    accepted = [each for each in answers if each.status in (200, 408)]
    assert len(refused) + len(accepted) == len(answers)
    assert all(each.headers["Retry-After"] == "1" for each in refused)
    assert all("X-Rqlite-Sequence-Number" in each.headers for each in accepted)
    # All were told something at their deadline; who waited for his turn would wait for longer.
    assert max(each.seconds for each in answers) < 0.5 + ROOM
    assert memory < 32 * MEBI
    stored = [line for line in lines(node.client) if line.isdecimal()]
    assert len(set(stored)) == len(stored)
    assert set(stored) == {each.line for each in accepted}
