"""Queued writes on one node: accepting, batching, executing and answering."""

import re
import time

import pytest

from node import eventually
from queues import ACCEPTED, BATCHES, HOLD, INSERT, busy, lines, run_threads
from tables import BAYS, CREW

QUEUE = "http.queue._default"


@pytest.fixture
def client(start_queue):
    return start_queue().client


# The example that this server was made for.

def test_small_writes_queue_up_and_are_stored(start_node):
    client = start_node().client
    client.must(CREW)
    first = client.queue([["INSERT INTO crew(name) VALUES(?)", "mira"]])
    second = client.queue([["INSERT INTO crew(name) VALUES(?)", "odo"],
                           ["INSERT INTO crew(name) VALUES(?)", "kim"]])
    assert re.fullmatch(ACCEPTED, first.text)
    assert re.fullmatch(ACCEPTED, second.text)
    assert second.number == first.number + 1
    # What is merely persisted may not be there to be read yet.
    eventually(lambda: client.queue_report()["applied"] == second.number)
    figures = client.status()["http"]["queue"]["_default"]
    assert figures["sequence_number"] == second.number
    assert client.column("SELECT name FROM crew ORDER BY id") == ["mira", "odo", "kim"]


def test_numbers_start_at_the_clock_and_grow_by_one_a_request(client):
    began = time.time_ns()
    numbers = [client.queue([[INSERT, n], [INSERT, n]]).number for n in range(20)]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert abs(numbers[0] - began) < 60e9


def test_numbers_are_unique_among_many_clients(start_queue):
    node = start_queue()
    numbers = []

    def write():
        client = node.new_client()
        numbers.extend([client.queue([[INSERT, n]]).number for n in range(100)])

    run_threads(*[write] * 8)
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 800))


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_numbers_grow_across_restarts(start_queue, stop):
    node = start_queue()
    last = 0
    for _ in range(4):
        number = node.client.queue([[INSERT, "a"]], "wait").number
        assert number > last
        last = number
        getattr(node, stop)()
        node.start()


def test_the_number_is_in_a_header_too(client):
    for flags in ((), ("wait",)):
        reply = client.queue([[INSERT, "a"]], *flags)
        assert reply.headers["X-Rqlite-Sequence-Number"] == str(reply.number)
    assert "X-Rqlite-Served-By" not in reply.headers


# Accepting.

def test_a_queued_text_is_one_statement(client):
    reply = client.execute_text("INSERT INTO log(line) VALUES('[\"a\"]')", "queue", "wait")
    assert re.fullmatch(ACCEPTED, reply.text)
    assert lines(client) == ['["a"]']


@pytest.mark.parametrize("body", ["[]", "null", " null\n", " [ ] "])
def test_a_checkpoint_waits_for_all_that_came_before(start_queue, body):
    client = start_queue(*HOLD).client
    before = [client.queue([[INSERT, n]]).number for n in range(10)]
    reply = client.queue(body, "wait")
    assert re.fullmatch(ACCEPTED, reply.text)
    assert reply.number == before[-1] + 1
    assert lines(client) == list(range(10))


def test_a_checkpoint_of_an_idle_queue_returns(client):
    assert re.fullmatch(ACCEPTED, client.queue("[]", "wait").text)
    assert client.status(QUEUE + ".depth") == 0


@pytest.mark.parametrize("body, message", [
    ("[]", "no statements"),
    ("null", "invalid request"),
    ("", "invalid JSON body"),
    ("INSERT INTO log VALUES(1)", "invalid JSON body"),
    ('["SELECT 1"', "invalid JSON body"),
    ("{}", "invalid request"),
    ("[[]]", "invalid request"),
    ('[["SELECT ?", 1E400]]', "invalid number 1E400"),
    ('[["INSERT INTO log(line) VALUES(1)"], 7]', "invalid request"),
])
def test_a_bad_body_is_refused_and_takes_no_number(client, body, message):
    before = client.queue([[INSERT, "a"]], "wait").number
    reply = client.queue(body)
    assert (reply.status, reply.text) == (400, message + "\n")
    plain = client.execute(body)
    assert (plain.status, plain.text) == (reply.status, reply.text)
    assert client.queue([[INSERT, "b"]], "wait").number == before + 1
    assert lines(client) == ["a", "b"]


@pytest.mark.parametrize("body", ["", '["SELECT 1"', "{}", "[1]"])
def test_waiting_makes_no_bad_body_good(client, body):
    assert client.queue(body, "wait").status == 400


@pytest.mark.parametrize("sql, error", [
    ("PRAGMA journal_mode=DELETE", "disallowed pragma"),
    ("ATTACH 'f' AS a", "disallowed attach"),
])
def test_a_forbidden_statement_is_refused_at_once(client, sql, error):
    before = client.queue([[INSERT, "a"]], "wait").number
    reply = client.queue([[INSERT, "b"], sql])
    assert (reply.status, reply.text) == (200, f'{{"results":[],"error":"{error}"}}')
    assert client.execute([[INSERT, "b"], sql]).text == reply.text
    assert client.queue([[INSERT, "c"]], "wait").number == before + 1
    assert lines(client) == ["a", "c"]


@pytest.mark.parametrize("timeout", ["", "1", "soon", "1d"])
def test_a_timeout_that_is_none_is_refused(client, timeout):
    reply = client.queue([[INSERT, "a"]], timeout=timeout)
    assert (reply.status, reply.text) == (400, "timeout is not a valid duration\n")
    assert lines(client) == []


def test_noleader_is_accepted(client):
    assert client.queue([[INSERT, "a"]], "noleader", "wait").status == 200
    assert lines(client) == ["a"]


# Batching.

def test_what_waits_leaves_when_there_is_enough(start_queue):
    client = start_queue("-write-queue-timeout", "1h", "-write-queue-batch-size", "5").client
    for n in range(4):
        client.queue([[INSERT, n]])
    time.sleep(0.3)  # the claim is that nothing happens
    assert lines(client) == []
    client.queue([[INSERT, 4]])
    eventually(lambda: lines(client) == [0, 1, 2, 3, 4])


def test_what_waits_leaves_when_its_time_has_come(start_queue):
    client = start_queue("-write-queue-timeout", "600ms").client
    began = time.monotonic()
    client.queue([[INSERT, "a"]])
    assert lines(client) == []
    eventually(lambda: lines(client) == ["a"])
    assert 0.5 < time.monotonic() - began < 5


def test_a_batch_is_one_log_entry(start_queue):
    client = start_queue(*HOLD).client
    before = client.status("store.raft.last_log_index")
    for n in range(50):
        client.queue([[INSERT, n]])
    client.queue("[]", "wait")
    assert client.status("store.raft.last_log_index") == before + 1
    assert lines(client) == list(range(50))


def test_what_waits_while_the_pipeline_is_full_leaves_as_one_batch(start_queue):
    node = start_queue("-write-queue-batch-size", "2")
    client = node.client
    with busy(node):
        full = client.status("store.raft.last_log_index") + BATCHES
        for n in range(2 * BATCHES + 50):
            client.queue([[INSERT, n]])
        report = client.queue_report()
        assert (report["in_flight"], report["depth"]) == (2 * BATCHES, 50)
        eventually(lambda: client.status("store.raft.last_log_index") == full)
    client.queue("[]", "wait")
    assert client.status("store.raft.last_log_index") - full in (1, 2)
    assert lines(client)[1:] == list(range(2 * BATCHES + 50))


def test_a_batch_has_a_limit_of_bytes(start_queue):
    client = start_queue(*HOLD).client
    before = client.status("store.raft.last_log_index")
    sizes = [3_000_000] * 4 + [10] * 4
    for size in sizes:
        client.queue([[INSERT, "x" * size]])
    client.queue("[]", "wait")
    # No two of the large ones fit in one; the small ones may come along or follow.
    assert client.status("store.raft.last_log_index") - before in (4, 5)
    assert client.column("SELECT length(line) FROM log ORDER BY id") == sizes


def test_the_largest_request_that_the_queue_takes_is_stored(client):
    reply = client.queue([[INSERT, "x" * 60_000_000]], "wait")
    assert re.fullmatch(ACCEPTED, reply.text)
    assert client.value("SELECT length(line) FROM log") == 60_000_000


def test_waiting_does_not_cost_the_batching_time(start_queue):
    client = start_queue("-write-queue-timeout", "30s").client
    client.queue([[INSERT, "first"]])
    began = time.monotonic()
    client.queue([[INSERT, "second"]], "wait")
    assert time.monotonic() - began < 5
    assert lines(client) == ["first", "second"]


def test_status_shows_what_waits(start_queue):
    client = start_queue(*HOLD).client
    before = client.queue([[INSERT, "a"]], "wait").number
    client.queue([[INSERT, "b"]])
    last = client.queue([[INSERT, "c"]])
    queue = client.status()["http"]["queue"]["_default"]
    assert queue["sequence_number"] == before
    assert queue["depth"] == 2
    assert queue["bytes"] > 0
    assert (queue["batch_size"], queue["max_size"], queue["timeout"]) == (100000, 1024, "1h0m0s")
    client.queue("[]", "wait")
    queue = client.status()["http"]["queue"]["_default"]
    assert queue["sequence_number"] == last.number + 1
    assert (queue["depth"], queue["bytes"], queue["in_flight"]) == (0, 0, 0)


def test_order_is_kept_for_one_client(client):
    for n in range(300):
        client.queue([[INSERT, n]])
    client.queue("[]", "wait")
    assert lines(client) == list(range(300))


# Executing.

def test_one_failing_statement_does_not_stop_the_others(client):
    client.must(BAYS)
    client.queue(["INSERT INTO bays(id) VALUES(1)", "INSERT INTO bays(id) VALUES(1)",
                  "INSERT INTO bays(id) VALUES(2)"])
    client.queue(["INSERT INTO ghosts VALUES(1)", "INSERT INTO bays(id) VALUES(3)"])
    client.queue("[]", "wait")
    assert client.column("SELECT id FROM bays") == [1, 2, 3]


def test_a_transaction_is_all_or_nothing_within_its_request(start_queue):
    client = start_queue(*HOLD).client
    client.must(BAYS)
    client.queue(["INSERT INTO bays(id) VALUES(1)"])
    client.queue(["INSERT INTO bays(id) VALUES(2)", "INSERT INTO bays(id) VALUES(1)",
                  "INSERT INTO bays(id) VALUES(3)"], "transaction")
    client.queue(["INSERT INTO bays(id) VALUES(4)"])
    client.queue(["INSERT INTO bays(id) VALUES(5)", "INSERT INTO bays(id) VALUES(6)"],
                 "transaction")
    client.queue("[]", "wait")
    assert client.column("SELECT id FROM bays") == [1, 4, 5, 6]


def test_every_request_is_a_transaction_under_its_flag(start_queue):
    client = start_queue("-write-queue-tx", *HOLD).client
    client.must(BAYS)
    client.queue(["INSERT INTO bays(id) VALUES(1)"])
    client.queue(["INSERT INTO bays(id) VALUES(2)", "INSERT INTO bays(id) VALUES(1)"])
    client.queue(["INSERT INTO bays(id) VALUES(3)"])
    client.queue("[]", "wait")
    assert client.column("SELECT id FROM bays") == [1, 3]


def test_a_transaction_left_open_fails_its_request_alone(start_queue):
    client = start_queue(*HOLD).client
    client.queue([[INSERT, "a"]])
    client.queue(["BEGIN", [INSERT, "b"]])
    client.queue([[INSERT, "c"]])
    client.queue("[]", "wait")
    assert lines(client) == ["a", "c"]


def test_rollback_by_a_conflict_clause_touches_no_other_request(start_queue):
    client = start_queue(*HOLD).client
    client.must(BAYS)
    client.queue(["INSERT INTO bays(id) VALUES(1)"])
    client.queue(["INSERT INTO bays(id) VALUES(2)", "INSERT OR ROLLBACK INTO bays(id) VALUES(1)"])
    client.queue(["INSERT INTO bays(id) VALUES(3)"])
    client.queue("[]", "wait")
    assert client.column("SELECT id FROM bays") == [1, 2, 3]


@pytest.mark.parametrize("parameter", ["db_timeout=1s", "norwrandom", "norwtime", "noparse"])
def test_a_parameter_of_execution_means_what_it_means_for_a_plain_write(client, parameter):
    body = [[INSERT, "a"], "INSERT INTO ghosts VALUES(1)",
            "INSERT INTO log(line) VALUES(2) RETURNING line"]
    plain = client.execute(body, parameter)
    queued = client.queue(body, parameter, "wait", "results")
    assert queued.status == plain.status
    if plain.status != 200:
        assert queued.text == plain.text
        return
    for mine, theirs in zip(queued.results, plain.results, strict=True):
        mine.pop("last_insert_id", None)
        theirs.pop("last_insert_id", None)
        assert mine == theirs


# Answering.

def test_waiting_returns_when_the_request_is_applied(client):
    for n in range(20):
        client.queue([[INSERT, n]], "wait")
        assert lines(client) == list(range(n + 1))


def test_success_answers_no_results(client):
    assert re.fullmatch(ACCEPTED, client.queue([[INSERT, "a"], [INSERT, "b"]], "wait").text)


def test_failure_answers_all_results_of_the_request(client):
    client.must(BAYS)
    reply = client.queue(["INSERT INTO bays(id) VALUES(1)", "INSERT INTO bays(id) VALUES(1)",
                          "INSERT INTO bays(id) VALUES(9) RETURNING id"], "wait")
    assert reply.status == 200
    assert re.fullmatch(
        r'\{"results":\[\{"last_insert_id":1,"rows_affected":1\},'
        r'\{"error":"UNIQUE constraint failed: bays.id"\},'
        r'\{"columns":\["id"\],"types":\["integer"\],"values":\[\[9\]\]\}\],'
        r'"sequence_number":\d+\}', reply.text)


def test_results_are_answered_on_request(client):
    reply = client.queue([[INSERT, "a"], "UPDATE log SET line='b' RETURNING line"],
                         "wait", "results")
    assert reply.results == [{"last_insert_id": 1, "rows_affected": 1},
                             {"columns": ["line"], "types": ["text"], "values": [["b"]]}]


def test_a_failed_transaction_answers_up_to_its_error(client):
    client.must(BAYS)
    reply = client.queue([f"INSERT INTO bays(id) VALUES({n})" for n in (1, 1, 2)],
                         "wait", "transaction")
    assert reply.results == [{"last_insert_id": 1, "rows_affected": 1},
                             {"error": "UNIQUE constraint failed: bays.id"}]
    assert client.column("SELECT id FROM bays") == []


def test_one_requests_failure_is_not_in_anothers_answer(start_queue):
    node = start_queue(*HOLD)
    node.client.must(BAYS)
    node.client.queue(["INSERT INTO ghosts VALUES(1)"])
    assert node.client.queue(["INSERT INTO bays(id) VALUES(1)"], "wait").results == []


def test_a_transaction_left_open_is_the_error_of_its_answer(client):
    reply = client.queue(["BEGIN", [INSERT, "b"]], "wait")
    assert reply.results == []
    assert "left a transaction open" in reply.json["error"]
    assert reply.number > 0


def test_the_answers_form_is_that_of_the_plain_endpoint(client):
    reply = client.queue([[INSERT, "a"]], "wait", "results", "associative")
    assert reply.results == [{"last_insert_id": 1, "rows_affected": 1, "rows": None}]
    client.must("CREATE TABLE blobs(data BLOB)")
    blob = ["INSERT INTO blobs VALUES(x'0102ff') RETURNING data"]
    for flags in ((), ("blob_array",)):
        reply = client.queue(blob, "wait", "results", *flags)
        assert reply.results == client.execute(blob, *flags).results
    assert reply.results[0]["values"] == [[[1, 2, 255]]]
    reply = client.queue([[INSERT, "a"]], "wait", "results", "timings")
    assert reply.results[0]["time"] > 0
    assert reply.json["time"] > 0
    assert client.queue([[INSERT, "a"]], "wait", "raft_index").json["raft_index"] > 0
    assert client.queue([[INSERT, "a"]], "pretty").text.startswith('{\n    "results": [],\n')


def test_fields_of_an_answer_come_in_their_order(client):
    reply = client.queue([[INSERT, "a"]], "wait", "results", "timings", "raft_index")
    assert list(reply.json) == ["results", "time", "sequence_number", "raft_index"]


def test_a_wait_that_takes_too_long_is_told_its_number(start_queue):
    node = start_queue()
    with busy(node):
        began = time.monotonic()
        reply = node.client.queue([[INSERT, "patience"]], "wait", timeout="150ms")
        assert (reply.status, reply.text) == (408, "queue wait timeout\n")
        assert 0.15 <= time.monotonic() - began < 1.5
    number = int(reply.headers["X-Rqlite-Sequence-Number"])
    assert node.client.ask(number, "wait").json["state"] == "applied"
    assert lines(node.client)[-1] == "patience"


@pytest.mark.parametrize("timeout", ["0", "-1s"])
def test_no_time_at_all_is_a_timeout_and_the_write_is_stored(start_queue, timeout):
    node = start_queue()
    with busy(node):
        assert node.client.queue([[INSERT, "a"]], "wait", timeout=timeout).status == 408
    node.client.queue("[]", "wait")
    assert lines(node.client)[-1] == "a"
