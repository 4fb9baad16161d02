"""Whoever asks a follower does not notice that the leader is gone, for good or for a while."""

import concurrent.futures
import contextlib
import functools
import re
import shutil
import signal
import threading
import time

import pytest

from members import INSERT
from node import eventually
from recovery import forget_to_join
from test_cluster_figures import counts
from test_load import database


def is_killed(leader, _):
    leader.kill()


def stands_still(leader, _):
    leader.signal(signal.SIGSTOP)


def begins_anew(leader, followers):
    """Without its data: it refuses what is meant for the one it was."""
    leader.kill()
    shutil.rmtree(leader.data)
    forget_to_join(leader)
    leader.flags += ("-join", ",".join(node.raft_address for node in followers))
    leader.launch()


HOW = pytest.mark.parametrize("how", [is_killed, stands_still, begins_anew])


@contextlib.contextmanager
def going_on(*works):
    """Each of `works`, functions of an event that stops them, in a thread of its own; gives what
    they return once it is over."""
    stop, results = threading.Event(), []
    with concurrent.futures.ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(work, stop) for work in works]
        try:
            yield results
        finally:
            stop.set()
            results.extend(each.result() for each in running)


def lose(leader, how, followers):
    """The leader goes; the follower that leads then."""
    how(leader, followers)
    return eventually(lambda: next((node for node in followers if node.client.status(
        "store.raft.state") == "Leader"), None), 20)


def write_through(node, stop, prefix):
    """One plain insert after the other, until `stop`; the numbers that were acknowledged, and what
    else was said."""
    client, said, number = node.new_client(), [], 0
    done = []
    while not stop.is_set():
        number += 1
        reply = client.execute([[INSERT, f"{prefix}-{number}"]])
        if reply.status == 200 and "error" not in reply.json and reply.results[0].get("last_insert_id"):
            done.append((number, reply.results[0]["last_insert_id"]))
        else:
            said.append(reply.text)
    return done, said


@HOW
def test_writes_through_followers_do_not_notice_that_the_leader_is_gone(trio, how):
    """Each is there once, and acknowledged, in the row that the answer named."""
    leader, followers = trio.leader(), trio.followers()
    writers = [functools.partial(write_through, node, prefix=f"{node.raft_port}-{i}")
               for node in followers for i in range(4)]
    with going_on(*writers) as results:
        try:
            eventually(lambda: followers[0].rows() > 200)
            new = lose(leader, how, followers)
            before = new.rows()
            eventually(lambda: new.rows() > before + 200)
        finally:
            leader.signal(signal.SIGCONT)
    assert [said for _, said in results] == [[]] * len(results)
    rows = new.client.query(["SELECT v, id FROM t"], level="strong").results[0]["values"]
    acknowledged = [(f"{node.raft_port}-{i}-{number}", row)
                    for (node, i), (done, _) in zip(
                        ((node, i) for node in followers for i in range(4)), results)
                    for number, row in done]
    assert sorted(tuple(row) for row in rows) == sorted(acknowledged)


def queue_through(node, stop, prefix):
    """The same with queued inserts that are waited for; the numbers that were acknowledged, and what
    else was said."""
    client, said, done, number = node.new_client(), [], [], 0
    while not stop.is_set():
        number += 1
        reply = client.queue([[INSERT, f"{prefix}-{number}"]], "wait")
        if reply.status == 200 and "error" not in reply.text:
            done.append(number)
        else:
            said.append(reply.text)
    return done, said


@HOW
def test_queues_of_followers_do_not_wait_for_a_leader_that_is_gone(trio, how):
    """Only for the next one, in less than the 5 s after which one that leads and is silent is sent a
    batch again. Each request is there once, and acknowledged."""
    leader, followers = trio.leader(), trio.followers()
    writers = [functools.partial(queue_through, node, prefix=node.raft_port) for node in followers]
    with going_on(*writers) as results:
        try:
            eventually(lambda: followers[0].rows() > 100)
            new = lose(leader, how, followers)
            before = [rows_of(new, node) for node in followers]
            eventually(lambda: all(rows_of(new, node) > rows + 20
                                   for node, rows in zip(followers, before)), within=3)
        finally:
            leader.signal(signal.SIGCONT)
    assert [said for _, said in results] == [[], []]
    for node, (done, _) in zip(followers, results):
        rows = new.client.query([[f"SELECT v FROM t WHERE v LIKE '{node.raft_port}-%' ORDER BY id"]],
                                level="strong").results[0]["values"]
        assert rows == [[f"{node.raft_port}-{number}"] for number in done]


def rows_of(seen_at, node):
    return seen_at.client.query([f"SELECT count(*) FROM t WHERE v LIKE '{node.raft_port}-%'"],
                                level="none").results[0]["values"][0][0]


class Counted:
    """How many rows were acknowledged."""

    def __init__(self):
        self.acknowledged = 0

    def write(self, node, stop):
        """What was said but yes."""
        client, said = node.new_client(), []
        while not stop.is_set():
            reply = client.execute([[INSERT, self.acknowledged]])
            if reply.status == 200 and "error" not in reply.text:
                self.acknowledged += 1
            else:
                said.append(reply.text)
        return said

    def read(self, node, path, stop):
        """What was said but a count of all rows that were acknowledged when the read began; and how
        many reads there were."""
        client, said, done = node.new_client(), [], 0
        while not stop.is_set():
            at_least = self.acknowledged
            reply = client.send("POST", path, ["SELECT count(*) FROM t"])
            if reply.status != 200 or "error" in reply.text:
                said.append(reply.text)
                continue
            done += 1
            count = reply.results[0]["values"][0][0]
            if "weak" not in path and count < at_least:
                said.append(f"{count} of {at_least} rows")
        return said, done


READS = ("/db/query?level=weak", "/db/query?level=strong", "/db/query?level=linearizable",
         "/db/request?level=linearizable")


@HOW
def test_reads_through_followers_do_not_notice_that_the_leader_is_gone(trio, how):
    """They hear no error, and what is more than weak sees all that was acknowledged before."""
    leader, followers = trio.leader(), trio.followers()
    counted = Counted()
    readers = [functools.partial(counted.read, node, path) for node in followers for path in READS]
    with going_on(functools.partial(counted.write, followers[0]), *readers) as results:
        try:
            eventually(lambda: counted.acknowledged > 50)
            lose(leader, how, followers)
            before = counted.acknowledged
            eventually(lambda: counted.acknowledged > before + 50)
        finally:
            leader.signal(signal.SIGCONT)
    said, *read = results
    assert (said, [each for each, _ in read]) == ([], [[]] * len(read))
    assert all(done > 10 for _, done in read)


@HOW
def test_who_asks_while_nobody_leads_waits_for_the_next(trio, how):
    """Requests of each kind, which begin while the follower knows of no leader."""
    leader, (follower, other) = trio.leader(), trio.followers()
    follower.client.must([INSERT, 1])
    trio.wait_until_equal()
    # Without it nobody is elected.
    other.signal(signal.SIGSTOP)
    how(leader, (follower, other))
    try:
        eventually(lambda: follower.leader_address() == "")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            def ask(*request):
                return pool.submit(follower.new_client().send, *request)
            reads = [ask("POST", path, ["SELECT count(*) FROM t"]) for path in READS]
            backup = ask("GET", "/db/backup")
            write = ask("POST", "/db/execute", [[INSERT, 2]])
            time.sleep(0.3)
            assert not any(each.done() for each in (*reads, backup, write))
            other.signal(signal.SIGCONT)
        for read in reads:
            assert read.result().results[0]["values"][0][0] in (1, 2)
        assert backup.result().body.startswith(b"SQLite format 3")
        assert write.result().results == [{"last_insert_id": 2, "rows_affected": 1}]
    finally:
        other.signal(signal.SIGCONT)
        leader.signal(signal.SIGCONT)


def test_a_queue_takes_requests_once_there_is_a_leader_again(trio):
    leader, (follower, other) = trio.leader(), trio.followers()
    # Without it nobody is elected.
    other.signal(signal.SIGSTOP)
    leader.kill()
    try:
        eventually(lambda: follower.leader_address() == "")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = [pool.submit(follower.new_client().queue, [[INSERT, 1]], *flags)
                     for flags in ((), ("wait",)) * 2]
            time.sleep(0.3)
            assert not any(each.done() for each in asked)
            other.signal(signal.SIGCONT)
            assert [each.result().status for each in asked] == [200] * 4
    finally:
        other.signal(signal.SIGCONT)
    follower.client.queue([], "wait")
    assert follower.rows("strong") == 4


def test_nobody_waits_for_longer_than_its_client(trio):
    """With the majority gone readers hear so when their own time is over, or that of the cluster, and
    at once when it has been gone for long."""
    leader, (follower, other) = trio.leader(), trio.followers()
    leader.kill()
    other.kill()
    eventually(lambda: follower.leader_address() == "")
    began = time.monotonic()
    for parameters in ({"timeout": "300ms"},
                       {"level": "linearizable", "linearizable_timeout": "300ms"}):
        reply = follower.client.query(["SELECT 1"], **parameters)
        assert (reply.status, reply.text) == (503, "leader not found\n")
    assert time.monotonic() - began < 4  # which is less than the patience of one
    for path in ("/db/query?q=SELECT%201", "/db/backup"):
        reply = follower.client.send("GET", path)
        assert (reply.status, reply.text) == (503, "leader not found\n")
    began = time.monotonic()
    for _ in range(10):
        assert follower.client.query(["SELECT 1"]).status == 503
    # The queue has the patience of plain writes, if that is not over.
    reply = follower.client.queue([[INSERT, 1]])
    assert (reply.status, reply.text) == (503, "leader not found\n")
    assert follower.client.queue([[INSERT, 1]], "noleader").status == 200
    assert time.monotonic() - began < 4


def test_who_is_not_answered_hears_what_may_have_come_of_it(calm_trio):
    """The leader does not answer, and still leads."""
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    leader.signal(signal.SIGSTOP)
    try:
        reply = follower.client.execute([[INSERT, "small"]], timeout="300ms")
        assert (reply.status, reply.json["results"]) == (200, [])
        assert re.fullmatch("the outcome is unknown: read tcp .*: i/o timeout", reply.json["error"])
        # More than fits into a connection's buffers.
        reply = follower.client.execute([[INSERT, "x" * 50_000_000]], timeout="300ms")
        assert re.fullmatch("not all of the request was sent: write tcp .*: i/o timeout",
                            reply.json["error"])
        reply = follower.client.send("DELETE", "/remove?timeout=300ms", {"id": "nobody"})
        assert reply.status == 500
        assert re.fullmatch("the outcome is unknown: read tcp .*: i/o timeout\n", reply.text)
    finally:
        leader.signal(signal.SIGCONT)
    assert leader.client.value("SELECT count(*) FROM t WHERE length(v) > 5") == 0
    assert leader.rows("strong") in (0, 1)


def test_who_is_not_answered_waits_no_longer_than_it_says(calm_trio):
    """However many tries there are: a read for `timeout`, a write for twice as long."""
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    for path, times in (("/db/query?level=weak&timeout=1s", 1),
                        ("/db/query?level=strong&timeout=1s&retries=4", 1),
                        ("/db/request?level=strong&timeout=1s", 2)):
        leader.signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            reply = follower.client.send("POST", path, ["SELECT 1"])
            assert times <= time.monotonic() - began < times + 0.9, path
        finally:
            leader.signal(signal.SIGCONT)
        assert reply.json["error"].endswith("i/o timeout")
        eventually(lambda: follower.client.query(["SELECT 1"], level="strong").results)


def test_while_nobody_leads_nothing_is_passed_on(trio, home):
    """What is passed on once is refused at once; whoever wants to go to the leader is sent nowhere."""
    leader, (follower, other) = trio.leader(), trio.followers()
    leader.kill()
    other.kill()
    eventually(lambda: follower.leader_address() == "")
    content = database(home, "CREATE TABLE other(n)")
    asked = counts(follower, "http")["leader_not_found"]
    for method, path, body in (("DELETE", "/remove", {"id": leader.flags[1]}),
                               ("POST", "/db/load", content),
                               ("POST", "/db/load", "INSERT INTO t(v) VALUES(1)"),
                               ("POST", "/leader", None),
                               ("POST", "/leader?wait", None)):
        reply = follower.client.send(method, path, body)
        assert (reply.status, reply.text) == (503, "leader not found\n"), path
        asked += 1
    for method, path, body in (("DELETE", "/remove?redirect", {"id": leader.flags[1]}),
                               ("POST", "/db/load?redirect", content),
                               ("POST", "/db/load?redirect", "INSERT INTO t(v) VALUES(1)"),
                               ("POST", "/db/execute?redirect", [[INSERT, 1]]),
                               ("POST", "/db/query?redirect", ["SELECT 1"]),
                               ("POST", "/db/request?redirect", [[INSERT, 1]]),
                               ("GET", "/db/backup?redirect", None),
                               ("POST", "/leader?redirect", None),
                               ("POST", "/leader?wait&redirect", None)):
        reply = follower.client.send(method, path, body)
        assert (reply.status, reply.text) == (500, "leader not found\n"), path
        asked += 1
    assert counts(follower, "http")["leader_not_found"] == asked
    assert follower.rows("none") == 0
