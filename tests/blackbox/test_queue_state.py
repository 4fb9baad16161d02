"""`GET /db/queue`: how the queue is doing, and what became of one request."""

import json
import re
import time

import pytest

from bulk import pipeline
from node import eventually
from queues import BATCHES, HOLD, INSERT, busy, in_background, lines, run_threads
from tables import BAYS

# Three results, one of each kind, the last of which is a failure.
MIXED = ["INSERT INTO files VALUES(1, x'00ff') RETURNING id, data",
         "INSERT INTO files VALUES(2, '')", "INSERT INTO files VALUES(1, '')"]
FILES = "CREATE TABLE files(id INTEGER PRIMARY KEY, data BLOB)"
FAILING = ["INSERT INTO ghosts VALUES(1)"]
GHOSTS = {"error": "no such table: ghosts"}


@pytest.fixture
def client(start_queue):
    return start_queue().client


# The whole queue.

def test_the_queue_shows_its_limits(start_queue):
    client = start_queue("-write-queue-capacity", "7", "-write-queue-max-bytes", "12345",
                         "-write-queue-batch-size", "5", "-write-queue-timeout", "1500ms").client
    reply = client.send("GET", "/db/queue")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json == {
        "depth": 0, "bytes": 0, "capacity": 7, "max_bytes": 12345, "batch_size": 5,
        "timeout": "1.5s", "in_flight": 0, "waiting_for_room": 0, "accepted": 0, "persisted": 0,
        "applied": 0, "oldest_age": "0s", "failed_requests": 0}


def test_the_queue_shows_what_waits(start_queue):
    client = start_queue(*HOLD).client
    before = client.queue([[INSERT, "a"]], "wait").number
    numbers = [client.queue([[INSERT, "x" * 1000]]).number for _ in range(3)]
    report = client.queue_report()
    assert report["depth"] == 3
    assert 3000 < report["bytes"] < 4000
    assert (report["accepted"], report["persisted"], report["applied"]) == (
        numbers[-1], before, before)
    assert re.fullmatch(r"[\d.]+(ms|µs|s)", report["oldest_age"]), report["oldest_age"]
    checkpoint = client.queue("[]", "wait").number
    report = client.queue_report()
    assert (report["depth"], report["bytes"], report["oldest_age"]) == (0, 0, "0s")
    assert (report["accepted"], report["persisted"], report["applied"]) == (checkpoint,) * 3


def test_the_queue_shows_what_is_on_its_way(start_queue):
    node = start_queue("-write-queue-batch-size", "1")
    with busy(node):
        numbers = [node.client.queue([[INSERT, n]]).number for n in range(BATCHES + 2)]
        report = node.client.queue_report()
        assert (report["in_flight"], report["depth"]) == (BATCHES, 2)
        assert (report["accepted"], report["applied"]) == (numbers[-1], 0)
        on_its_way = numbers[BATCHES - 1]
        eventually(lambda: node.client.queue_report()["persisted"] == on_its_way)
    node.client.queue("[]", "wait")
    assert node.client.queue_report()["applied"] == numbers[-1] + 1


def test_the_queue_counts_requests_that_failed(client):
    for body in ([[INSERT, "a"]], FAILING, [[INSERT, "b"], *FAILING], "[]"):
        client.queue(body, "wait")
    assert client.queue_report()["failed_requests"] == 2
    assert client.status("http.queue._default")["failed_requests"] == 2


def test_the_queue_may_be_shown_indented(client):
    reply = client.send("GET", "/db/queue?pretty")
    assert reply.text.startswith('{\n    "accepted": 0,\n')


def test_status_and_the_queue_say_the_same(start_queue):
    client = start_queue(*HOLD).client
    client.queue([[INSERT, "a"]], "wait")
    client.queue([[INSERT, "b"]])
    report = client.queue_report()
    status = client.status("http.queue._default")
    assert status == {
        "max_size": report["capacity"], "sequence_number": report["persisted"],
        **{key: report[key] for key in ("batch_size", "timeout", "depth", "bytes", "max_bytes",
                                        "in_flight", "applied", "failed_requests")}}


@pytest.mark.parametrize("target", ["/db/queue", "/db/queue?sequence_number=1"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_queue_is_only_to_be_read(client, method, target):
    reply = client.send(method, target, "[]")
    assert (reply.status, reply.body) == (405, b"")


# One request.

def test_a_request_is_queued_until_its_batch_leaves(start_queue):
    client = start_queue(*HOLD).client
    number = client.queue([[INSERT, "a"]]).number
    assert client.ask(number).text == f'{{"sequence_number":{number},"state":"queued"}}'
    client.queue("[]", "wait")
    assert client.ask(number).text == f'{{"sequence_number":{number},"state":"applied"}}'


def test_a_request_is_persisted_before_it_is_applied(start_queue):
    node = start_queue()
    persisted = False
    for _ in range(5):  # a sync may take as long as the node is busy
        with busy(node):
            number = node.client.queue([[INSERT, "a"]]).number
            eventually(lambda: node.client.state(number) != "queued")
            text = node.client.ask(number).text
        persisted = text == f'{{"sequence_number":{number},"state":"persisted"}}'
        if persisted:
            break
    assert persisted, text
    eventually(lambda: node.client.state(number) != "persisted")
    assert node.client.state(number) == "applied"
    assert "a" in lines(node.client)


def test_what_is_persisted_survives_a_kill(start_queue):
    node = start_queue()
    with busy(node):
        number = node.client.queue([[INSERT, "a"]]).number
        eventually(lambda: node.client.state(number) == "persisted")
        node.kill()
    node.start()
    assert lines(node.client)[-1] == "a"
    assert node.client.state(number) == "applied"


def test_every_request_of_a_batch_has_a_state_of_its_own(start_queue):
    client = start_queue(*HOLD).client
    numbers = [client.queue([[INSERT, n]] if n % 3 else FAILING).number for n in range(30)]
    assert {client.state(number) for number in numbers} == {"queued"}
    client.queue("[]", "wait")
    states = [client.state(number) for number in numbers]
    assert states == ["applied" if n % 3 else "failed" for n in range(30)]


@pytest.mark.parametrize("flags", [(), ("associative",), ("blob_array",),
                                   ("associative", "blob_array")])
def test_a_failure_brings_the_results_that_a_plain_write_would_get(client, flags):
    client.must(FILES)
    number = client.queue(MIXED).number
    asked = client.ask(number, "wait", *flags)
    client.must("DELETE FROM files")
    plain = client.execute(MIXED, *flags)
    assert asked.text == f'{{"sequence_number":{number},"state":"failed",{plain.text[1:]}'


def test_a_failed_transaction_brings_its_results_up_to_the_error(client):
    client.must(BAYS)
    body = [f"INSERT INTO bays(id) VALUES({n})" for n in (1, 1, 2)]
    number = client.queue(body, "transaction").number
    asked = client.ask(number, "wait").json
    assert asked == {"sequence_number": number, "state": "failed",
                     "results": [{"last_insert_id": 1, "rows_affected": 1},
                                 {"error": "UNIQUE constraint failed: bays.id"}]}
    assert client.execute(body, "transaction").results == asked["results"]


def test_a_request_that_failed_as_a_whole_brings_its_error(client):
    body = ["BEGIN", [INSERT, "a"]]
    number = client.queue(body).number
    asked = client.ask(number, "wait")
    plain = client.execute(body)
    assert "left a transaction open" in plain.json["error"]
    assert asked.text == f'{{"sequence_number":{number},"state":"failed",{plain.text[1:]}'
    assert lines(client) == []


def test_an_answer_may_be_indented(client):
    number = client.queue(FAILING, "wait").number
    reply = client.ask(number, "pretty")
    assert reply.text == (f'{{\n    "sequence_number": {number},\n    "state": "failed",\n'
                          '    "results": [\n        {\n'
                          '            "error": "no such table: ghosts"\n        }\n    ]\n}')


def test_what_was_never_accepted_is_unknown(client):
    number = client.queue([[INSERT, "a"]], "wait").number
    for never in (0, 1, number - 1, number + 1, number + 10**6, 2**63, 2**64 - 1):
        assert client.ask(never).text == f'{{"sequence_number":{never},"state":"unknown"}}'


@pytest.mark.parametrize("flags", [(), ("wait",)])
@pytest.mark.parametrize("number", ["", "-1", "one", "1.0", "1e3", "0x10", "+1", " 1", "1 ",
                                    "18446744073709551616"])
def test_a_number_that_is_none_is_refused(client, number, flags):
    reply = client.ask(number, *flags)
    assert (reply.status, reply.text) == (400, "sequence_number is not a number\n")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"


# Waiting.

@pytest.mark.parametrize("body, state", [([[INSERT, "a"]], "applied"), (FAILING, "failed")])
def test_waiting_for_a_number_returns_when_it_is_settled(start_queue, body, state):
    client = start_queue("-write-queue-timeout", "300ms").client
    number = client.queue(body).number
    assert client.state(number) == "queued"
    reply = client.ask(number, "wait")
    assert reply.json["state"] == state
    assert reply.json.get("results") == (None if state == "applied" else [GHOSTS])


def test_waiting_for_a_number_has_an_end(start_queue):
    client = start_queue(*HOLD).client
    number = client.queue([[INSERT, "a"]]).number
    for timeout, least in (("200ms", 0.2), ("0", 0), ("-1s", 0)):
        began = time.monotonic()
        reply = client.ask(number, "wait", timeout=timeout)
        assert least <= time.monotonic() - began < least + 1.5
        assert (reply.status, reply.text) == (408, "queue wait timeout\n")
        assert reply.headers["X-Rqlite-Sequence-Number"] == str(number)
    assert client.state(number) == "queued"
    client.queue("[]", "wait")
    assert client.ask(number, "wait", timeout="0").json["state"] == "applied"


@pytest.mark.parametrize("timeout", ["", "1", "soon"])
def test_a_timeout_that_is_none_is_refused(client, timeout):
    for flags in ((), ("wait",)):
        reply = client.ask(1, *flags, timeout=timeout)
        assert (reply.status, reply.text) == (400, "timeout is not a valid duration\n")


def test_waiting_for_what_was_never_accepted_returns_at_once(client):
    number = client.queue([[INSERT, "a"]], "wait").number
    for never in (1, number + 1):
        began = time.monotonic()
        assert client.ask(never, "wait").json["state"] == "unknown"
        assert time.monotonic() - began < 5


def test_many_may_wait_for_many_numbers(start_queue):
    node = start_queue(*HOLD)
    numbers = [node.client.queue([[INSERT, n]] if n % 2 else FAILING).number for n in range(4)]
    waiting = [(n, in_background(lambda n=n: node.new_client().ask(numbers[n], "wait")))
               for n in [*range(4)] * 8]
    time.sleep(0.2)  # that they wait cannot be seen from outside
    node.client.queue("[]", "wait")
    for n, (thread, replies) in waiting:
        thread.join()
        assert replies[0].json["state"] == ("applied" if n % 2 else "failed")


def test_who_waits_for_a_number_and_goes_away_harms_nobody(start_queue):
    node = start_queue(*HOLD)
    number = node.client.queue([[INSERT, "a"]]).number
    impatient = [node.new_client(timeout=0.1) for _ in range(10)]
    for each in impatient:
        with pytest.raises(TimeoutError):
            each.ask(number, "wait")
    patient, replies = in_background(lambda: node.new_client().ask(number, "wait"))
    node.client.queue("[]", "wait")
    patient.join()
    assert replies[0].json["state"] == "applied"


def test_asking_is_safe_while_others_write(start_queue):
    node = start_queue()

    def write(fails):
        client = node.new_client()
        for n in range(100):
            number = client.queue(FAILING if fails else [[INSERT, n]]).number
            assert client.state(number) in ("queued", "persisted", "failed" if fails else "applied")
            if n % 10 == 0:
                client.ask(number, "wait")
                assert client.state(number) == ("failed" if fails else "applied")

    run_threads(*(lambda fails=fails: write(fails) for fails in [False, True] * 4))


# Later: after a restart, with and without a snapshot.

@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_what_became_of_requests_is_known_after_a_restart(start_queue, stop, snapshot):
    node = start_queue()
    node.client.must(FILES)
    applied = node.client.queue([[INSERT, "a"]], "wait").number
    failed = node.client.queue(MIXED, "wait").number
    whole = node.client.queue(["BEGIN"], "wait").number
    if snapshot:
        assert node.client.send("POST", "/snapshot").status == 200
    later = node.client.queue(FAILING, "wait").number
    numbers = (applied, failed, whole, later)
    before = [node.client.ask(number).text for number in numbers]
    assert [json.loads(text)["state"] for text in before] == ["applied", *["failed"] * 3]
    for _ in range(2):
        getattr(node, stop)()
        node.start()
        assert node.client.queue_report()["accepted"] == 0
        assert [node.client.ask(number).text for number in numbers] == before
        assert node.client.ask(failed, "wait", timeout="0").text == before[1]
        assert node.client.state(later + 1) == "unknown"


def test_what_was_lost_with_its_node_is_unknown(start_queue):
    node = start_queue(*HOLD)
    stored = node.client.queue([[INSERT, "stored"]], "wait").number
    lost = [node.client.queue([[INSERT, "lost"]]).number for _ in range(3)]
    node.kill()
    node.start()
    # Its numbers are not given to others, so they cannot be taken for theirs.
    node.client.queue([[INSERT, "new"]], "wait")
    assert lines(node.client) == ["stored", "new"]
    assert node.client.state(stored) == "applied"
    assert {node.client.state(number) for number in lost} == {"unknown"}


def test_the_last_starts_are_remembered_and_older_ones_honestly_forgotten(start_queue):
    node = start_queue()
    asked = []
    for n in range(6):
        asked.append((node.client.queue([[INSERT, n]], "wait").number,
                      node.client.queue(FAILING, "wait").number))
        states = [(node.client.state(a), node.client.state(b)) for a, b in asked]
        assert states[-4:] == [("applied", "failed")] * len(states[-4:])
        assert states[:-4] == [("unknown", "unknown")] * len(states[:-4])
        node.kill()
        node.start()


# On another node's behalf.

def test_the_node_may_be_named(client):
    number = client.queue(FAILING, "wait").number
    own = client.status("store.node_id")
    assert client.ask(number, node=own).text == client.ask(number).text
    assert client.ask(number, "wait", node=own).text == client.ask(number).text


@pytest.mark.parametrize("node", ["another", "", "1"])
def test_of_an_unknown_node_nothing_is_known(client, node):
    number = client.queue(FAILING, "wait").number
    for flags in ((), ("wait",)):
        reply = client.ask(number, *flags, node=node)
        assert reply.text == f'{{"sequence_number":{number},"state":"unknown"}}'


def test_a_node_may_have_a_name_of_its_own(start_queue):
    node = start_queue("-node-id", "n/1")
    number = node.client.queue(FAILING, "wait").number
    node.kill()
    node.start()
    assert node.client.ask(number, node="n/1").json["results"] == [GHOSTS]
    assert node.client.ask(number).json["results"] == [GHOSTS]


# How much is kept.

def test_of_more_than_ten_thousand_failures_the_newest_are_known(start_queue):
    node = start_queue()
    applied = node.client.queue([[INSERT, "a"]], "wait").number
    numbers = [reply.number for reply in
               pipeline(node, [("/db/execute?queue", FAILING)] * 10_020)]
    after = node.client.queue([[INSERT, "b"]], "wait").number

    def check():
        assert node.client.state(applied) == "unknown"
        assert node.client.state(after) == "applied"
        assert [node.client.state(number) for number in numbers[:25]] == (
            ["unknown"] * 20 + ["failed"] * 5)
        for number in numbers[-5:]:
            assert node.client.ask(number).json["results"] == [GHOSTS]

    check()
    node.kill()
    node.start()
    check()
    assert node.client.send("POST", "/snapshot").status in (200, 204)
    node.kill()
    node.start()
    check()


def test_of_very_long_failures_the_newest_are_known(start_queue):
    node = start_queue()
    body = ["INSERT INTO log(line) VALUES(printf('%.*c', 60000, 'x')) RETURNING line", *FAILING]
    numbers = [node.client.queue(body).number for _ in range(100)]
    node.client.queue("[]", "wait")
    states = [node.client.state(number) for number in numbers]
    kept = states.count("failed")
    # In 4 MiB.
    assert 60 <= kept < 70
    assert states == ["unknown"] * (100 - kept) + ["failed"] * kept
    assert node.client.ask(numbers[-1]).json["results"] == [
        {"columns": ["line"], "types": ["text"], "values": [["x" * 60000]]}, GHOSTS]


def test_of_a_failure_that_is_too_long_to_keep_the_reason_is_known(client):
    body = ["INSERT INTO log(line) VALUES(printf('%.*c', 70000, 'x')) RETURNING line", *FAILING]
    number = client.queue(body).number
    assert client.ask(number, "wait").json == {
        "sequence_number": number, "state": "failed", "results": [],
        "error": "no such table: ghosts"}
