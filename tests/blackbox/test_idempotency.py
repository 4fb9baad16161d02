"""The header `Idempotency-Key`: a request that is sent again is executed once."""

import json
import sqlite3

import pytest

from bulk import pipeline
from node import eventually
from queues import INSERT, busy, in_background, lines, run_threads
from tables import BAYS

REPLAYED = "Idempotency-Replayed"
REUSED = "the idempotency key was used for another request\n"
BAD_KEY = "the Idempotency-Key must be 1 to 255 visible ASCII characters\n"

# The ways in which a request can be sent that is answered with its results.
PLAIN = ()
QUEUED = ("queue", "wait", "results")
WAYS = pytest.mark.parametrize("way", [PLAIN, QUEUED], ids=["plain", "queued"])


@pytest.fixture
def client(start_queue):
    return start_queue().client


def is_replay(reply):
    values = reply.headers.get_all(REPLAYED)
    assert values in (None, ["true"])
    return values is not None


# Once.

@pytest.mark.parametrize("again", [PLAIN, QUEUED], ids=["then plain", "then queued"])
@pytest.mark.parametrize("first", [PLAIN, QUEUED], ids=["plain", "queued"])
def test_a_request_that_comes_again_gets_the_first_outcome(client, first, again):
    body = [[INSERT, "a"], "INSERT INTO log(line) VALUES(random()) RETURNING id, line",
            "INSERT INTO ghosts VALUES(1)"]
    once = client.keyed("key", body, *first)
    assert (once.status, is_replay(once)) == (200, False)
    for _ in range(3):
        client.must([INSERT, "another"])  # what is answered is what was true then
        twice = client.keyed("key", body, *again)
        assert (twice.status, is_replay(twice)) == (200, True)
        assert twice.results == once.results
    assert lines(client) == ["a", once.results[1]["values"][0][1], *["another"] * 3]


def test_a_queued_request_that_comes_again_is_accepted_and_does_nothing(client):
    replies = [client.keyed("key", [[INSERT, "a"]], "queue") for _ in range(3)]
    client.queue("[]", "wait")
    assert [reply.status for reply in replies] == [200] * 3
    assert lines(client) == ["a"]
    assert [client.state(reply.number) for reply in replies] == ["applied"] * 3


def test_a_replay_has_a_number_of_its_own(client):
    once, twice = (client.keyed("key", [[INSERT, "a"]], "queue", "wait") for _ in range(2))
    assert twice.number == once.number + 1
    assert twice.headers["X-Rqlite-Sequence-Number"] == str(twice.number)
    assert twice.results == []


def test_a_replay_is_answered_in_the_form_that_is_asked_for(client):
    body = ["INSERT INTO log(line) VALUES('a') RETURNING line"]
    client.keyed("key", body)
    reply = client.keyed("key", body, "associative", "raft_index")
    assert reply.results == [{"types": {"line": "text"}, "rows": [{"line": "a"}]}]
    assert reply.json["raft_index"] > 0
    reply = client.keyed("key", body, "queue", "wait", "pretty")
    assert reply.text.startswith('{\n    "results": [],\n')


@WAYS
def test_keys_are_told_apart_and_no_key_is_no_key(client, way):
    for key in ("a", "b", "A", "aa"):
        assert not is_replay(client.keyed(key, [[INSERT, key]], *way))
    for _ in range(2):
        assert not is_replay(client.execute([[INSERT, "none"]], *way))
    assert lines(client) == ["a", "b", "A", "aa", "none", "none"]


def test_the_header_may_be_written_in_any_case(client):
    for name in ("idempotency-key", "IDEMPOTENCY-KEY", "Idempotency-Key"):
        client.send("POST", "/db/execute", [[INSERT, "a"]], {name: "key"})
    assert lines(client) == ["a"]


@WAYS
def test_a_text_is_executed_once(client, way):
    headers = {"Content-Type": "text/plain", "Idempotency-Key": "key"}
    path = "/db/execute?" + "&".join(way)
    sql = "INSERT INTO log(line) VALUES('a') RETURNING id, line"
    once, twice = (client.send("POST", path, sql, headers) for _ in range(2))
    assert (is_replay(once), is_replay(twice)) == (False, True)
    assert once.results == twice.results
    assert lines(client) == ["a"]


@WAYS
def test_the_same_statements_may_be_spelled_otherwise_in_json(client, way):
    client.keyed("key", '[["INSERT INTO log(line) VALUES(:a || :b)",{"a":"1","b":"2"}]]', *way)
    reply = client.keyed(
        "key", ' [ ["INSERT INTO log(line) VALUES(:a \\u007c| :b)", {"b": "2", "a": "1"}] ] ', *way)
    assert (reply.status, is_replay(reply)) == (200, True)
    assert lines(client) == ["12"]


def test_a_read_knows_no_keys(client):
    for n in range(2):
        reply = client.send("POST", "/db/query", [f"SELECT {n}"], {"Idempotency-Key": "key"})
        assert reply.results[0]["values"] == [[n]]
        assert not is_replay(reply)


# Another request.

@WAYS
@pytest.mark.parametrize("other, flags", [
    ([[INSERT, "b"]], ()), ([[INSERT, 1]], ()), ([[INSERT, "a"], [INSERT, "a"]], ()),
    (["INSERT  INTO log(line) VALUES('a')"], ()), ([[INSERT, "a"]], ("transaction",))])
def test_a_key_that_is_used_for_another_request_is_refused(client, way, other, flags):
    body = [[INSERT, "a"]]
    once = client.keyed("key", body, *way)
    for _ in range(2):
        reply = client.keyed("key", other, *way, *flags)
        assert (reply.status, reply.text) == (422, REUSED)
        assert not is_replay(reply)
    twice = client.keyed("key", body, *way)
    assert (twice.results, is_replay(twice)) == (once.results, True)
    assert lines(client) == ["a"]


def test_a_queued_request_whose_key_was_used_fails(client):
    client.keyed("key", [[INSERT, "a"]])
    number = client.keyed("key", [[INSERT, "b"]], "queue").number
    assert client.ask(number, "wait").json == {
        "sequence_number": number, "state": "failed", "results": [], "error": REUSED.strip()}
    assert lines(client) == ["a"]


def test_two_requests_of_one_batch_may_have_one_key(client):
    numbers = [client.keyed("key", [[INSERT, line]], "queue").number for line in ("a", "a", "b")]
    client.queue("[]", "wait")
    assert [client.state(number) for number in numbers] == ["applied", "applied", "failed"]
    assert lines(client) == ["a"]


# Keys that are none.

@WAYS
@pytest.mark.parametrize("key", ["", "two words", "tab\there", "caf\u00e9",
                                 pytest.param("x" * 256, id="long")])
def test_a_bad_key_is_refused(client, way, key):
    reply = client.keyed(key.encode("latin-1"), [[INSERT, "a"]], *way)
    assert (reply.status, reply.text) == (400, BAD_KEY)
    assert lines(client) == []


@WAYS
def test_two_keys_are_refused(start_queue, way):
    node = start_queue()
    body = json.dumps([[INSERT, "a"]])
    with node.connect() as connection:
        connection.sendall(f"POST /db/execute?{'&'.join(way)} HTTP/1.1\r\nHost: a\r\n"
                           "Idempotency-Key: one\r\nIdempotency-Key: two\r\n"
                           f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert lines(node.client) == []


@pytest.mark.parametrize("key", ["k", pytest.param("x" * 255, id="long"),
                                 '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
                                 "!#$%&'*+-.^_`|~(),/:;<=>?@[\\]{}"])
def test_all_visible_characters_make_a_key(client, key):
    once, twice = (client.keyed(key, [[INSERT, "a"]]) for _ in range(2))
    assert (is_replay(once), is_replay(twice)) == (False, True)
    assert lines(client) == ["a"]


# Failures.

@WAYS
@pytest.mark.parametrize("flags", [(), ("transaction",)], ids=["statements", "transaction"])
def test_the_failure_of_a_request_is_its_outcome(client, way, flags):
    body = [[INSERT, "a"], "INSERT INTO bays(id) VALUES(1)"]
    once = client.keyed("key", body, *way, *flags)
    assert once.results[1] == {"error": "no such table: bays"}
    client.must(BAYS)  # now it would succeed
    twice = client.keyed("key", body, *way, *flags)
    assert (twice.results, is_replay(twice)) == (once.results, True)
    assert client.rows("SELECT * FROM bays") == []
    assert lines(client) == ([] if flags else ["a"])


@WAYS
def test_the_failure_of_a_whole_request_is_its_outcome(client, way):
    once, twice = (client.keyed("key", ["BEGIN", [INSERT, "a"]], *way) for _ in range(2))
    assert "left a transaction open" in once.json["error"]
    assert (twice.json["error"], twice.results) == (once.json["error"], once.results)
    assert is_replay(twice)
    assert lines(client) == []


@WAYS
@pytest.mark.parametrize("bad", ["", "[", ["PRAGMA journal_mode=DELETE"], ["ATTACH 'f' AS a"]])
def test_a_request_that_was_refused_leaves_its_key_free(client, way, bad):
    for _ in range(2):
        reply = client.keyed("key", bad, *way)
        assert not is_replay(reply)
    reply = client.keyed("key", [[INSERT, "a"]], *way)
    assert (reply.status, is_replay(reply)) == (200, False)
    assert lines(client) == ["a"]


@WAYS
def test_a_transaction_is_executed_once(client, way):
    client.must(BAYS)
    body = ["INSERT INTO bays(id) VALUES(1)", [INSERT, "a"]]
    once, twice = (client.keyed("key", body, *way, "transaction") for _ in range(2))
    assert once.results == twice.results == [{"last_insert_id": 1, "rows_affected": 1}] * 2
    assert is_replay(twice)
    assert lines(client) == ["a"]


@WAYS
def test_what_cannot_share_a_transaction_is_executed_once(client, way):
    body = ["BEGIN", [INSERT, "a"], "COMMIT", "PRAGMA user_version=7", [INSERT, "b"]]
    once, twice = (client.keyed("key", body, *way) for _ in range(2))
    assert '"error"' not in once.text
    assert (twice.results, is_replay(twice)) == (once.results, True)
    assert lines(client) == ["a", "b"]


# Many at a time, and clients that do not know whether they got through.

def test_of_many_clients_with_one_key_one_is_served(start_queue):
    node = start_queue()
    replies = []

    def write(way):
        client = node.new_client()
        for n in range(10):
            replies.append((n, client.keyed(
                f"key-{n}", [["INSERT INTO log(line) VALUES(?) RETURNING id, random()", n]],
                *way)))

    run_threads(*(lambda way=way: write(way) for way in [PLAIN, QUEUED] * 16))
    assert lines(node.client) == list(range(10))
    for n in range(10):
        answers = [reply for about, reply in replies if about == n]
        assert [is_replay(reply) for reply in answers].count(False) == 1
        assert len({json.dumps(reply.results) for reply in answers}) == 1


def test_who_tries_again_after_a_timeout_writes_once(start_queue):
    node = start_queue()
    with busy(node):
        assert node.client.keyed("key", [[INSERT, "a"]], "queue", "wait",
                                 timeout="50ms").status == 408
        again, replies = in_background(
            lambda: node.new_client().keyed("key", [[INSERT, "a"]], "queue", "wait"))
    again.join()
    assert (replies[0].status, is_replay(replies[0])) == (200, True)
    assert lines(node.client)[1:] == ["a"]


@WAYS
def test_who_tries_again_after_a_kill_writes_once(start_queue, way):
    node = start_queue()
    with busy(node):
        before = node.client.status("store.raft.commit_index")
        unanswered, _ = in_background(
            lambda: node.new_client().keyed("key", [[INSERT, "a"]], *way))
        eventually(lambda: node.client.status("store.raft.commit_index") > before)
        node.kill()
    unanswered.join()
    node.start()
    assert is_replay(node.client.keyed("key", [[INSERT, "a"]], *way))
    assert lines(node.client)[1:] == ["a"]


# Later: after a restart, with and without a snapshot.

@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_keys_survive_a_restart(start_queue, stop, snapshot):
    node = start_queue()
    body = ["INSERT INTO log(line) VALUES(random()) RETURNING id, line"]
    results = {}
    for way in (PLAIN, QUEUED):
        results[way] = node.client.keyed(f"early-{len(way)}", body, *way).results
    failed = node.client.keyed("failed", ["INSERT INTO bays(id) VALUES(1)"]).results
    node.client.must(BAYS)
    if snapshot:
        assert node.client.send("POST", "/snapshot").status == 200
    late = node.client.keyed("late", body).results
    for _ in range(2):
        getattr(node, stop)()
        node.start()
        for way, first in results.items():
            for again in (PLAIN, QUEUED):
                reply = node.client.keyed(f"early-{len(way)}", body, *again)
                assert (reply.results, is_replay(reply)) == (first, True)
        assert node.client.keyed("late", body).results == late
        assert node.client.keyed("failed", ["INSERT INTO bays(id) VALUES(1)"]).results == failed
        assert node.client.keyed("late", [[INSERT, "other"]]).status == 422
        assert len(lines(node.client)) == 3


# In a cluster.

def test_every_member_says_that_an_outcome_is_an_earlier_one(trio):
    for first in trio:
        for once_way in (PLAIN, QUEUED):
            key = f"{first.raft_port}-{len(once_way)}"
            body = ["INSERT INTO t(v) VALUES('a') RETURNING id, random()"]
            once = first.client.keyed(key, body, *once_way)
            assert (once.status, is_replay(once)) == (200, False)
            for node in trio:
                for way in (PLAIN, QUEUED):
                    twice = node.client.keyed(key, body, *way)
                    assert (twice.results, is_replay(twice)) == (once.results, True)
                    other = node.client.keyed(key, ["INSERT INTO t(v) VALUES('b')"], *way)
                    assert (other.status, other.text, is_replay(other)) == (422, REUSED, False)
    assert trio[0].rows("strong") == 6


# How much is kept.

def test_of_more_than_a_hundred_thousand_keys_the_newest_are_known(start_queue):
    node = start_queue()
    body = [[INSERT, "a"]]
    replies = pipeline(node, [("/db/execute?queue", body, {"Idempotency-Key": f"key-{n}"})
                              for n in range(100_000)])
    assert {reply.status for reply in replies} == {200}
    node.client.queue("[]", "wait")

    def is_known(key):
        reply = node.client.keyed(key, body)
        assert reply.status == 200
        return is_replay(reply)

    assert all(is_known(f"key-{n}") for n in (0, 1, 50_000, 99_999))
    assert not is_known("one-more")
    node.client.send("POST", "/snapshot")
    node.kill()
    node.start()
    assert is_known("key-1") and is_known("key-2")
    assert not is_known("key-0")  # from now on it is the newest, and key-1 is forgotten
    assert is_known("key-0")
    assert not is_known("key-1")
    assert node.client.value("SELECT count(*) FROM log") == 100_003


def test_of_many_keys_with_long_results_the_newest_are_known(start_queue):
    node = start_queue()
    body = ["INSERT INTO log(line) VALUES('a') RETURNING printf('%.*c', 1000000, 'x')"]
    for n in range(80):
        node.client.keyed(f"key-{n}", body, "queue")
    node.client.queue("[]", "wait")

    def check():
        assert is_replay(node.client.keyed("key-20", body))
        long = node.client.keyed("key-79", body)
        assert is_replay(long) and long.results[0]["values"] == [["x" * 1_000_000]]

    check()
    node.kill()
    node.start()
    check()
    # 64 MiB.
    assert not is_replay(node.client.keyed("key-10", body))
    assert len(lines(node.client)) == 81


@WAYS
def test_of_results_that_are_too_long_to_keep_the_fact_is_known(client, way):
    body = ["INSERT INTO log(line) VALUES('a') RETURNING printf('%.*c', 2000000, 'x')"]
    once = client.keyed("key", body, *way)
    assert once.results[0]["values"] == [["x" * 2_000_000]]
    twice = client.keyed("key", body, *way)
    assert (twice.status, twice.results, is_replay(twice)) == (200, [], True)
    assert twice.json["error"] == "executed before; its results were too large to keep"
    assert lines(client) == ["a"]


# Nobody sees them.

def names(tree, path=""):
    """The paths of all members of a JSON document."""
    if not isinstance(tree, dict):
        return {path}
    return {name for key, value in tree.items() for name in names(value, f"{path}/{key}")}


def test_keys_show_nowhere(start_queue):
    node = start_queue()
    client = node.client
    client.queue([[INSERT, "a"]], "wait")
    before = names(client.status())
    client.keyed("visible-key", [[INSERT, "a"]])
    client.keyed("visible-key", [[INSERT, "a"]], "queue", "wait")
    client.queue(["INSERT INTO ghosts VALUES(1)"], "wait")
    assert names(client.status()) == before
    for place in ("/status", "/db/queue", "/metrics"):
        assert "visible-key" not in client.send("GET", place).text
    assert client.column("SELECT name FROM sqlite_master") == ["log"]
    assert sorted(row[1] for row in client.rows("PRAGMA table_list")) == [
        "log", "sqlite_schema", "sqlite_temp_schema"]
    assert client.rows("PRAGMA database_list")[0][:2] == [0, "main"]
    assert len(client.rows("PRAGMA database_list")) == 1
    assert client.send("POST", "/snapshot").status == 200
    assert node.stop() == 0
    with sqlite3.connect(node.data / "db.sqlite") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("log",)]
        assert database.execute("PRAGMA user_version").fetchall() == [(0,)]
        assert database.execute("PRAGMA application_id").fetchall() == [(0,)]
    assert b"visible-key" not in (node.data / "db.sqlite").read_bytes()
