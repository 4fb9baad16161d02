"""Queued writes on one node: accepting, batching, executing, answering, and a clean stop."""

import re
import signal
import threading
import time

import pytest

from node import eventually
from tables import BAYS, CREW

LOG = "CREATE TABLE log(id INTEGER PRIMARY KEY, line)"
INSERT = "INSERT INTO log(line) VALUES(?)"
ACCEPTED = r'\{"results":\[\],"sequence_number":(\d+)\}'
# A statement that keeps the node busy for a second or so.
SLOW = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 4000000) "
        "INSERT INTO log(line) SELECT count(*) FROM n")
# Nothing leaves the queue by itself.
HOLD = ("-write-queue-timeout", "1h", "-write-queue-batch-size", "100000")

QUEUE = "http.queue._default"


def lines(client):
    return client.column("SELECT line FROM log ORDER BY id")


def in_background(call):
    """Runs it on a thread; returns the thread and the list that gets the outcome."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(call()), daemon=True)
    thread.start()
    return thread, outcome


@pytest.fixture
def start_queue(start_node):
    def start(*flags):
        node = start_node(*flags)
        node.client.must(LOG)
        return node

    return start


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
    eventually(lambda: client.status()["http"]["queue"]["_default"]["sequence_number"]
               == second.number)
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

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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


def test_a_request_larger_than_the_queue_is_refused(start_queue):
    client = start_queue("-write-queue-max-bytes", "1000").client
    reply = client.queue([[INSERT, "x" * 1000]])
    assert reply.status == 413
    assert client.queue([[INSERT, "x" * 500]], "wait").status == 200
    assert lines(client) == ["x" * 500]


# A full queue: what is accepted waits behind a statement that takes its time.

@pytest.fixture
def full(start_queue):
    """A node whose queue of four is full until a long statement ends."""
    node = start_queue("-write-queue-capacity", "4", "-write-queue-batch-size", "1")
    node.busy = in_background(lambda: node.new_client().execute([SLOW] * 2))[0]
    client = node.client
    eventually(lambda: client.status("store.raft.fsm_pending") > 0)
    # One batch may be on its way; then four wait.
    accepted = [client.queue([[INSERT, "0"]])]
    eventually(lambda: client.status(QUEUE + ".in_flight") == 1)
    accepted += [client.queue([[INSERT, str(n)]]) for n in range(1, 5)]
    assert [reply.status for reply in accepted] == [200] * 5
    assert client.status(QUEUE + ".depth") == 4
    yield node
    node.busy.join()


def test_a_full_queue_refuses_when_time_is_up(full):
    began = time.monotonic()
    reply = full.client.queue([[INSERT, "late"]], timeout="200ms")
    took = time.monotonic() - began
    assert (reply.status, reply.text) == (503, "queue is full\n")
    assert reply.headers["Retry-After"] == "1"
    assert "X-Rqlite-Sequence-Number" not in reply.headers
    assert 0.2 <= took < 1.5
    full.busy.join()
    full.client.queue("[]", "wait")
    assert "late" not in lines(full.client)


def test_a_full_queue_lets_a_request_in_when_there_is_room(full):
    last = full.client.status(QUEUE + ".sequence_number")
    waiting = [in_background(lambda n=n: full.new_client().queue([[INSERT, f"in {n}"]], "wait"))
               for n in range(3)]
    for thread, replies in waiting:
        thread.join()
        assert re.fullmatch(ACCEPTED, replies[0].text)
        assert replies[0].number > last
    assert {"in 0", "in 1", "in 2"} <= set(lines(full.client))


def test_a_full_queue_delays_nobody_else(full):
    waiting, _ = in_background(lambda: full.new_client().queue([[INSERT, "in"]]))
    began = time.monotonic()
    assert full.client.query(["SELECT count(*) FROM log"], level="none").status == 200
    assert time.monotonic() - began < 1
    waiting.join()


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


def test_order_of_numbers_is_order_of_execution(start_queue):
    node = start_queue()
    numbered = {}

    def write(writer):
        client = node.new_client()
        for n in range(50):
            line = f"{writer}/{n}"
            numbered[client.queue([[INSERT, line]], *(["wait"] if n % 7 == 0 else [])).number] = line

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    node.client.queue("[]", "wait")
    assert lines(node.client) == [line for _, line in sorted(numbered.items())]


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
    reply = client.queue(["INSERT INTO log(line) VALUES(x'0102ff') RETURNING CAST(line AS BLOB)"],
                         "wait", "results", "blob_array")
    assert reply.status == 200
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
    busy, _ = in_background(lambda: node.new_client().execute([SLOW]))
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    began = time.monotonic()
    reply = node.client.queue([[INSERT, "patience"]], "wait", timeout="150ms")
    assert (reply.status, reply.text) == (408, "queue wait timeout\n")
    assert 0.15 <= time.monotonic() - began < 1.5
    number = int(reply.headers["X-Rqlite-Sequence-Number"])
    busy.join()
    eventually(lambda: node.client.status(QUEUE)["sequence_number"] == number)
    assert lines(node.client)[-1] == "patience"


@pytest.mark.parametrize("timeout", ["0", "-1s"])
def test_no_time_at_all_is_a_timeout_and_the_write_is_stored(start_queue, timeout):
    node = start_queue()
    busy, _ = in_background(lambda: node.new_client().execute([SLOW]))
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    assert node.client.queue([[INSERT, "a"]], "wait", timeout=timeout).status == 408
    busy.join()
    node.client.queue("[]", "wait")
    assert lines(node.client)[-1] == "a"


# A clean stop.

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_stores_what_was_accepted(start_queue, number):
    node = start_queue(*HOLD)
    for n in range(500):
        assert node.client.queue([[INSERT, n]]).status == 200
    assert node.client.status(QUEUE + ".depth") == 500
    node.signal(number)
    assert node.wait() == 0
    node.start()
    assert lines(node.client) == list(range(500))


def test_a_stop_answers_those_who_wait(start_queue):
    node = start_queue()
    busy, plain = in_background(lambda: node.new_client().execute([SLOW]))
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    waiting, replies = in_background(lambda: node.new_client().queue([[INSERT, "a"]], "wait"))
    eventually(lambda: node.client.status(QUEUE + ".in_flight") == 1)
    assert node.stop() == 0
    busy.join()
    waiting.join()
    assert plain[0].status == 200
    assert re.fullmatch(ACCEPTED, replies[0].text)
    node.start()
    assert lines(node.client)[-1] == "a"


def test_a_stop_refuses_those_who_wait_for_room(full):
    waiting, replies = in_background(lambda: full.new_client().queue([[INSERT, "no room"]], "wait"))
    time.sleep(0.2)  # that it waits cannot be seen from outside
    full.signal(signal.SIGTERM)
    waiting.join()
    assert (replies[0].status, replies[0].text) == (503, "shutting down\n")
    assert replies[0].headers["Retry-After"] == "1"
    assert full.process.poll() is None  # what was accepted is still to be stored
    assert full.wait() == 0
    full.start()
    assert lines(full.client)[-5:] == ["0", "1", "2", "3", "4"]


def test_a_stop_that_cannot_store_everything_says_so(start_queue):
    node = start_queue("-write-queue-drain-timeout", "50ms", "-write-queue-batch-size", "1")
    busy, _ = in_background(lambda: node.new_client().execute([SLOW]))
    eventually(lambda: node.client.status("store.raft.fsm_pending") > 0)
    numbers = [node.client.queue([[INSERT, n]]).number for n in range(20)]
    eventually(lambda: node.client.status(QUEUE + ".in_flight") > 0)
    node.signal(signal.SIGTERM)
    code = node.wait()
    busy.join()
    if code == 0:  # it was quicker than expected, and then nothing may be missing
        node.start()
        assert lines(node.client)[-20:] == list(range(20))
    else:
        assert code == 1
        said = re.search(r"(\d+) queued requests could not be stored, numbers (\d+) to (\d+)",
                         node.log())
        assert int(said[3]) == numbers[-1]
        assert int(said[3]) - int(said[2]) + 1 == int(said[1])
