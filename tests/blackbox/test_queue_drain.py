"""A clean stop: what was accepted is stored, what comes now is refused, and it has an end."""

import re
import signal
import socket
import time

import pytest

from members import INSERT as TRIO_INSERT
from node import HOST, eventually
from queues import ACCEPTED, BATCHES, HOLD, INSERT, busy, in_background, lines

BOTH_SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT],
                                       ids=["SIGTERM", "SIGINT"])


def request_bytes(body, path="/db/execute?queue"):
    return (f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            f"{body}").encode()


def read_all(connection):
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


def said_of(node, line):
    """How many requests a line of the log is about, and the first and last number."""
    said = re.findall(rf"^\[rqlited\] \S+ \S+ {line}$", node.log(), re.M)
    assert len(said) <= 1
    return [int(number) for number in said[0]] if said else None


def left_behind(node):
    """Of what the log says that it could not be stored."""
    return said_of(node, r"(\d+) queued requests could not be stored, numbers (\d+) to (\d+)")


def left_in_doubt(node):
    """Of what the log says that it may be stored."""
    return said_of(node, r"of (\d+) queued requests it is not known whether they are stored, "
                         r"numbers (\d+) to (\d+): ask for them by number once there is a leader "
                         r"again")


# What was accepted is stored.

@BOTH_SIGNALS
def test_a_stop_stores_what_was_accepted(start_queue, number):
    node = start_queue(*HOLD)
    for n in range(500):
        assert node.client.queue([[INSERT, n]]).status == 200
    assert node.client.queue_report()["depth"] == 500
    node.signal(number)
    assert node.wait() == 0
    assert left_behind(node) is None
    node.start()
    assert lines(node.client) == list(range(500))


@BOTH_SIGNALS
def test_a_stop_stores_what_is_on_its_way_and_what_waits_behind_it(start_queue, number):
    node = start_queue("-write-queue-batch-size", "1")
    with busy(node):
        accepted = [node.client.queue([[INSERT, n]]).number for n in range(BATCHES + 100)]
        report = node.client.queue_report()
        assert (report["in_flight"], report["depth"]) == (BATCHES, 100)
        node.signal(number)
    assert node.wait() == 0
    node.start()
    assert lines(node.client)[1:] == list(range(BATCHES + 100))
    assert {node.client.state(each) for each in accepted} == {"applied"}


def test_a_stop_of_an_empty_queue_is_quick(start_queue):
    node = start_queue("-write-queue-drain-timeout", "1h")
    node.client.queue([[INSERT, "a"]], "wait")
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 5


def test_what_a_stop_stored_has_its_verdict_later(start_queue):
    node = start_queue(*HOLD)
    applied = node.client.queue([[INSERT, "a"]]).number
    failed = node.client.queue(["INSERT INTO ghosts VALUES(1)"]).number
    assert node.stop() == 0
    node.start()
    assert node.client.state(applied) == "applied"
    assert node.client.ask(failed).json["results"] == [{"error": "no such table: ghosts"}]


def test_a_stop_answers_those_who_wait(start_queue):
    node = start_queue()
    with busy(node):
        waiting, replies = in_background(
            lambda: node.new_client().queue([[INSERT, "a"]], "wait"))
        eventually(lambda: node.client.queue_report()["in_flight"] == 1)
        number = node.client.queue_report()["accepted"]
        asking, answers = in_background(lambda: node.new_client().ask(number, "wait"))
        time.sleep(0.1)  # that it asks cannot be seen from outside
        node.signal(signal.SIGTERM)
    assert node.wait() == 0
    waiting.join()
    asking.join()
    assert re.fullmatch(ACCEPTED, replies[0].text)
    assert answers[0].json == {"sequence_number": number, "state": "applied"}
    node.start()
    assert lines(node.client)[-1] == "a"


# What comes now is refused.

def test_a_stop_refuses_those_who_wait_for_room(full):
    waiting, replies = in_background(
        lambda: full.new_client().queue([[INSERT, "no room"]], "wait"))
    eventually(lambda: full.client.queue_report()["waiting_for_room"] == 1)
    full.signal(signal.SIGTERM)
    waiting.join()
    assert (replies[0].status, replies[0].text) == (503, "shutting down\n")
    assert replies[0].headers["Retry-After"] == "1"
    assert full.process.poll() is None  # what was accepted is still to be stored
    assert full.wait() == 0
    full.start()
    assert lines(full.client)[1:] == full.accepted


@pytest.mark.parametrize("flags", ["queue", "queue&wait"])
def test_a_request_that_is_being_sent_during_a_stop_is_refused(start_queue, flags):
    node = start_queue()
    request = request_bytes('[["INSERT INTO log(line) VALUES(?)", "late"]]',
                            f"/db/execute?{flags}")
    with node.connect() as connection, busy(node):
        connection.sendall(request[:60])
        node.client.queue([[INSERT, "a"]])
        node.signal(signal.SIGTERM)
        eventually(lambda: "received signal" in node.log())
        time.sleep(0.1)  # what the node does on its signal
        connection.sendall(request[60:])
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert answer.endswith(b"\r\n\r\nshutting down\n")
    assert node.wait() == 0
    node.start()
    assert lines(node.client)[1:] == ["a"]


def test_a_new_client_is_refused_during_a_stop(start_queue):
    node = start_queue()
    with busy(node):
        node.client.queue([[INSERT, "a"]])
        node.signal(signal.SIGTERM)
        eventually(lambda: "received signal" in node.log())
        time.sleep(0.1)  # what the node does on its signal
        with socket.create_connection((HOST, node.port)) as connection:
            connection.sendall(request_bytes('[["INSERT INTO log(line) VALUES(?)", "late"]]'))
            answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer
    assert node.wait() == 0
    node.start()
    assert lines(node.client)[1:] == ["a"]


# It has an end.

@pytest.fixture
def stuck(start_stuck):
    """Starts a node whose disk is full, with fifty requests in its queue besides."""
    def start(drain_timeout):
        stuck = start_stuck("-write-queue-drain-timeout", drain_timeout)
        for n in range(50):
            assert stuck.accept(str(n))
        return stuck

    return start


def count_stored(stuck):
    """After a restart: the table holds what the states of the requests say."""
    node = stuck.node
    stored = lines(node.client)
    assert stored == stuck.lines[:len(stored)]  # whatever is not stored came later
    states = [node.client.state(number) for number in stuck.numbers]
    assert states == ["applied"] * len(stored) + ["unknown"] * (len(states) - len(stored))
    return len(stored)


@BOTH_SIGNALS
def test_a_stop_that_cannot_store_everything_says_what_is_left(stuck, number):
    stuck = stuck("1s")
    node = stuck.node
    began = time.monotonic()
    node.signal(number)
    assert node.wait() == 1
    assert 0.9 < time.monotonic() - began < 6
    count, first, last = left_behind(node)
    assert last == stuck.numbers[-1]
    assert last - first + 1 == count
    stuck.make_room()
    node.start()
    assert left_in_doubt(node) is None
    assert stuck.numbers[0] + count_stored(stuck) == first
    assert node.client.queue([[INSERT, "after"]], "wait").results == []


def test_a_stop_on_a_full_disk_is_a_stop_and_no_failure(stuck):
    node = stuck("100ms").node
    assert node.stop() == 1
    assert "this node cannot go on" not in node.log()
    assert node.log().splitlines()[-1].endswith(" rqlite server stopped")


def test_who_waits_when_a_stop_gives_up_is_told_the_number_and_no_success(stuck):
    stuck = stuck("500ms")
    waiting, replies = in_background(
        lambda: stuck.node.new_client().queue([[INSERT, "waits"]], "wait"))
    asking, answers = in_background(
        lambda: stuck.node.new_client().ask(stuck.numbers[-1], "wait"))
    eventually(lambda: stuck.client.queue_report()["accepted"] == stuck.numbers[-1] + 1)
    assert stuck.node.stop() == 1
    waiting.join()
    asking.join()
    assert replies[0].headers["X-Rqlite-Sequence-Number"] == str(stuck.numbers[-1] + 1)
    assert replies[0].status != 200 or "error" in replies[0].json
    assert answers[0].json == {"sequence_number": stuck.numbers[-1], "state": "queued"}


def test_who_waits_for_what_is_persisted_is_not_told_that_it_is_lost(start_queue):
    node = start_queue("-write-queue-drain-timeout", "50ms")
    with busy(node):
        waiting, replies = in_background(
            lambda: node.new_client().queue([[INSERT, "persisted"]], "wait"))
        number = eventually(lambda: node.client.queue_report()["persisted"])
        node.signal(signal.SIGTERM)
    waiting.join()
    assert node.wait() == 0
    node.start()
    assert (node.client.state(number), lines(node.client)[-1]) == ("applied", "persisted")
    # It would be sent again, and be there twice.
    assert "before it was stored" not in replies[0].text


def test_a_stop_goes_on_when_there_is_room_again(stuck):
    stuck = stuck("1m")
    node = stuck.node
    node.signal(signal.SIGTERM)
    eventually(lambda: "received signal" in node.log())
    time.sleep(0.5)  # it has time to give up, and must not
    assert node.process.poll() is None
    stuck.make_room()
    assert node.wait() == 0
    assert left_behind(node) is None
    node.start()
    assert count_stored(stuck) == len(stuck.numbers)


@BOTH_SIGNALS
def test_a_second_signal_is_heard_and_no_more(stuck, number):
    stuck = stuck("1m")
    node = stuck.node
    node.signal(signal.SIGTERM)
    eventually(lambda: "received signal" in node.log())
    node.signal(number)
    eventually(lambda: node.log().count("received signal") == 2)
    time.sleep(0.3)  # it has time to end, and must not
    assert node.process.poll() is None
    stuck.make_room()
    assert node.wait() == 0
    assert left_behind(node) is None
    node.start()
    assert count_stored(stuck) == len(stuck.numbers)


# What may be stored is not called lost: who sends it again would have it twice.

IN_DOUBT = "the outcome is unknown: the node stopped while the write was on its way"
NOT_STORED = "the node stopped before it was stored"


def accept(node, count):
    """Has the node accept so many requests, of which BATCHES leave its queue and are not stored. Their
    numbers, and for each a thread and what its client is told in the end."""
    told = []
    for n in range(count):
        told.append(in_background(
            lambda n=n: node.new_client().queue([[TRIO_INSERT, n]], "wait")))
        eventually(lambda: node.client.queue_report()["in_flight"] +
                   node.client.queue_report()["depth"] == n + 1)
    report = node.client.queue_report()
    assert (report["in_flight"], report["depth"]) == (min(count, BATCHES), max(count - BATCHES, 0))
    return list(range(report["accepted"] - count + 1, report["accepted"] + 1)), told


def check_told(node, numbers, told):
    """Each hears, and the log says, what is known of its request: those that left the queue may be
    stored, the others are not."""
    for index, (thread, replies) in enumerate(told):
        thread.join()
        assert replies[0].status == 200
        assert replies[0].json["error"] == (IN_DOUBT if index < BATCHES else NOT_STORED)
        assert replies[0].headers["X-Rqlite-Sequence-Number"] == str(numbers[index])
    assert left_in_doubt(node) == [BATCHES, numbers[0], numbers[BATCHES - 1]]
    assert left_behind(node) == [len(numbers) - BATCHES, numbers[BATCHES], numbers[-1]]


def values(node):
    return node.client.column("SELECT v FROM t ORDER BY id")


def stop_without_a_majority(trio):
    """The first, which leads, stops with requests that nobody else has: their numbers."""
    first, *others = trio
    assert first.leader_address() == first.raft_address
    for other in others:
        other.kill()
    numbers, told = accept(first, BATCHES + 2)
    assert first.stop() == 1
    check_told(first, numbers, told)
    return numbers


def test_what_only_the_leader_has_may_come_after_its_stop(hasty_trio):
    first, second, _ = hasty_trio
    numbers = stop_without_a_majority(hasty_trio)
    second.launch()  # it lacks what the first one has, so that one leads
    first.start()
    assert first.leader_address() == first.raft_address
    eventually(lambda: first.client.state(numbers[0]) == "applied")
    assert [first.client.state(each) for each in numbers] == ["applied"] * BATCHES + ["unknown"] * 2
    assert values(first) == list(range(BATCHES))


def test_what_only_the_leader_has_may_be_lost_after_its_stop(hasty_trio):
    first, second, third = hasty_trio
    numbers = stop_without_a_majority(hasty_trio)
    second.launch()
    third.start()
    first.start()
    assert hasty_trio.leader() is not first
    after = first.client.queue([[TRIO_INSERT, "after"]], "wait").number
    eventually(lambda: first.client.state(after) == "applied")
    assert {first.client.state(each) for each in numbers} == {"unknown"}
    assert values(first) == ["after"]


def test_what_the_leader_may_have_of_a_followers_queue_may_come_after_its_stop(hasty_trio):
    first, second, _ = hasty_trio
    first.signal(signal.SIGSTOP)
    numbers, told = accept(second, BATCHES + 2)
    assert second.stop() == 1
    check_told(second, numbers, told)
    first.signal(signal.SIGCONT)
    eventually(lambda: first.rows() == BATCHES)
    second.start()
    eventually(lambda: second.client.state(numbers[0]) == "applied")
    assert [second.client.state(each) for each in numbers] == ["applied"] * BATCHES + ["unknown"] * 2
    assert values(second) == list(range(BATCHES))


@pytest.fixture
def cut_short(start_queue):
    """A node that was stopped in the middle of its work. `numbers` are those of twenty requests,
    the first four of which were persisted before."""
    node = start_queue("-write-queue-drain-timeout", "50ms", "-write-queue-batch-size", "1")
    with busy(node):
        node.numbers = [node.client.queue([[INSERT, n]]).number for n in range(20)]
        eventually(lambda: node.client.state(node.numbers[BATCHES - 1]) == "persisted")
        node.signal(signal.SIGTERM)
        node.code = node.wait()
    return node


def test_a_stop_that_is_cut_short_loses_nothing_that_it_does_not_name(cut_short):
    named = left_behind(cut_short)
    in_doubt = left_in_doubt(cut_short)
    assert cut_short.code == (1 if named or in_doubt else 0)
    numbers = cut_short.numbers
    end = numbers[-1] + 1
    not_stored = end  # the first that is not; it may be quicker than expected
    if named:
        not_stored = named[1]
        assert named == [end - not_stored, not_stored, end - 1]
    open_from = in_doubt[1] if in_doubt else not_stored
    if in_doubt:
        assert in_doubt == [not_stored - open_from, open_from, not_stored - 1]
    cut_short.start()
    states = [cut_short.client.state(number) for number in numbers]
    stored = states.count("applied")
    assert states == ["applied"] * stored + ["unknown"] * (20 - stored)
    assert lines(cut_short.client)[1:] == list(range(stored))
    assert open_from <= numbers[0] + stored <= not_stored


def test_what_is_persisted_is_not_named_as_left_behind(cut_short):
    _, first, _ = left_behind(cut_short)
    assert first > cut_short.numbers[BATCHES - 1]


# A stop while the node still looks for others: it serves meanwhile.

JOIN_CANCELED = "clustering failure: failed to join cluster: join operation canceled\n"


@pytest.fixture
def nowhere():
    """An address where connections are taken and nothing is said: who is to join there is busy with
    that for some seconds."""
    with socket.create_server((HOST, 0)) as silent:
        yield f"{HOST}:{silent.getsockname()[1]}"


def start_joining(node, address, *flags):
    """Restarts a member so that it looks for others at an address."""
    assert node.stop() == 0
    at = node.flags.index("-join") if "-join" in node.flags else len(node.flags)
    node.flags = (*node.flags[:at], *node.flags[at + 2:], "-join", address, *flags)
    node.start()


def stop_joining(node, number=signal.SIGTERM):
    """Stops a node that still looks for others: the exit code."""
    assert "node HTTP API available" not in node.log(), "it is through already"
    node.signal(number)
    return node.wait()


@BOTH_SIGNALS
def test_a_member_that_looks_for_others_stores_what_it_accepted(calm_trio, nowhere, number):
    trio, node = calm_trio, calm_trio[2]
    start_joining(node, nowhere, *HOLD)
    assert node.leader_address() == trio[0].raft_address
    for n in range(20):
        assert node.client.queue([[TRIO_INSERT, n]]).status == 200
    assert stop_joining(node, number) == 1
    assert left_behind(node) is None
    assert node.log().endswith(JOIN_CANCELED)
    assert "received signal" in node.log()
    assert trio[0].rows("strong") == 20


def test_a_leader_that_looks_for_others_hands_over_after_it_has_stored(calm_trio, nowhere):
    trio, node = calm_trio, calm_trio[2]
    start_joining(node, nowhere, *HOLD)
    assert trio[0].client.send("POST", "/leader?wait", {"id": "3"},
                               {"Content-Type": "application/json"}).status == 200
    eventually(lambda: node.leader_address() == node.raft_address)
    for n in range(20):
        assert node.client.queue([[TRIO_INSERT, n]]).status == 200
    assert stop_joining(node) == 1
    assert "stepping down as Leader before shutdown" in node.log()
    assert node.log().endswith(JOIN_CANCELED)
    assert trio.leader().rows("strong") == 20


@BOTH_SIGNALS
def test_a_node_that_waits_for_its_founders_stores_what_it_accepted(start_queue, nowhere, number):
    node = start_queue()
    start_joining(node, nowhere, "-bootstrap-expect", "2", *HOLD)
    for n in range(20):
        assert node.client.queue([[INSERT, n]]).status == 200
    assert stop_joining(node, number) == 1
    assert node.log().endswith("clustering failure: boot canceled\n")
    node.flags = ()
    node.start()
    assert lines(node.client) == list(range(20))


def test_a_request_is_answered_though_the_node_looks_for_others(start_queue, nowhere):
    node = start_queue()
    start_joining(node, nowhere, "-bootstrap-expect", "2")
    with busy(node):
        waiting, replies = in_background(
            lambda: node.new_client().queue([[INSERT, "a"]], "wait"))
        eventually(lambda: node.client.queue_report()["in_flight"] == 1)
        node.signal(signal.SIGTERM)
        eventually(lambda: "received signal" in node.log())
        time.sleep(0.1)  # what the node does on its signal
        with socket.create_connection((HOST, node.port)) as connection:
            connection.sendall(request_bytes('[["INSERT INTO log(line) VALUES(?)", "late"]]'))
            assert read_all(connection).endswith(b"\r\n\r\nshutting down\n")
    assert node.wait() == 1
    waiting.join()
    assert re.fullmatch(ACCEPTED, replies[0].text)


@pytest.mark.parametrize("flags, why", [
    (("-join-attempts", "2", "-join-interval", "500ms"),
     "failed to join cluster: failed to join cluster"),
    (("-bootstrap-expect", "2", "-bootstrap-expect-timeout", "2s"), "boot timeout")])
def test_a_node_that_finds_nobody_says_what_is_left(trio, flags, why):
    node = trio[2]
    assert node.stop() == 0
    for other in trio[:2]:
        other.kill()
    node.flags += (*flags, "-write-queue-drain-timeout", "100ms")
    node.launch()
    numbers = []

    def accepted():
        try:
            reply = node.client.queue([[TRIO_INSERT, 1]], "noleader")
        except OSError:
            return False
        if reply.status == 200 and "sequence_number" in reply.json:
            numbers.append(reply.number)
        return len(numbers) == 3
    eventually(accepted)
    assert node.wait() == 1
    assert left_behind(node) == [3, numbers[0], numbers[2]]
    assert node.log().endswith(f"clustering failure: {why}\n")
