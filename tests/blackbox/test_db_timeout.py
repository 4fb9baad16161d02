"""db_timeout: how long the SQL of a request may run, and that one clock decides what was too slow."""

import threading

import pytest

from node import eventually
from tables import BAYS

INSERT = "INSERT INTO bays(tag) VALUES('x')"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "
SLOW_WRITE = f"INSERT INTO bays {ENDLESS} SELECT i + 1000, i FROM n WHERE i < 0 OR i < 10000"
SLOW_READ = f"{ENDLESS} SELECT max(i) FROM n"
SLOW_RETURNING = SLOW_WRITE + " RETURNING id"
SOON = "100ms"
DEADLINE = '{"results":[],"error":"context deadline exceeded"}'


def results(*each):
    return '{"results":[' + ",".join(each) + "]}"


QUERY = '{"error":"query timeout"}'
EXECUTE = '{"error":"execute timeout"}'
ONE_ROW = '{"last_insert_id":1,"rows_affected":1}'


@pytest.fixture
def bays(client):
    client.must(BAYS)
    return client


def count(client):
    return client.value("SELECT count(*) FROM bays")


def test_a_read_is_ended(client):
    assert client.query([SLOW_READ, "SELECT 1"], db_timeout=SOON).text == results(QUERY, QUERY)
    assert client.query([SLOW_READ], "associative", db_timeout=SOON).text == results(
        '{"rows":[],"error":"query timeout"}')


@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong"])
def test_a_read_is_ended_on_every_level(client, level):
    reply = client.query(["SELECT 1 AS one", SLOW_READ], db_timeout=SOON, level=level).json
    assert reply["results"][0]["values"] == [[1]]
    assert reply["results"][1] == {"error": "query timeout"}


def test_a_read_in_a_transaction_that_is_ended_is_the_requests_error(client):
    assert client.query(["SELECT 1", SLOW_READ], "transaction", db_timeout=SOON).text == (
        '{"results":[],"error":"sql: transaction has already been committed or rolled back"}')


def test_a_write_is_ended_and_changes_nothing(bays):
    reply = bays.execute([INSERT, SLOW_WRITE, INSERT], db_timeout=SOON)
    assert reply.text == results(ONE_ROW, EXECUTE, EXECUTE)
    assert bays.column("SELECT id FROM bays") == [1]


def test_a_write_in_a_transaction_ends_it(bays):
    reply = bays.execute([INSERT, SLOW_WRITE, INSERT], "transaction", db_timeout=SOON)
    assert reply.text == results(ONE_ROW, EXECUTE)
    assert count(bays) == 0


def test_returning_is_ended(bays):
    assert bays.execute([INSERT, SLOW_RETURNING], db_timeout=SOON).text == results(ONE_ROW, QUERY)
    assert count(bays) == 1


def test_a_unified_request_is_ended(bays):
    assert bays.request([INSERT, SLOW_READ, INSERT, "SELECT 1"], db_timeout=SOON).text == results(
        ONE_ROW, QUERY, EXECUTE, QUERY)
    assert bays.request([INSERT, SLOW_WRITE], db_timeout=SOON).text == results(
        '{"last_insert_id":2,"rows_affected":1}', EXECUTE)
    assert bays.request([INSERT, SLOW_READ, INSERT], "transaction", "associative",
                        db_timeout=SOON).text == results(
        '{"last_insert_id":3,"rows_affected":1,"rows":null}', '{"rows":[],"error":"query timeout"}')
    assert bays.request([SLOW_READ], db_timeout=SOON).text == results(QUERY)
    assert count(bays) == 2


@pytest.mark.parametrize("body", [[INSERT], [INSERT, "SELECT 1"], ["SELECT 1"]])
def test_what_begins_too_late_does_not_begin(bays, body):
    assert bays.request(body, db_timeout="1ns").text == DEADLINE
    assert bays.execute(body, db_timeout="1ns").text == DEADLINE
    assert bays.query(body, db_timeout="1ns").text == DEADLINE
    assert count(bays) == 0


@pytest.mark.parametrize("none", ["0", "-1s"])
def test_none_and_less_are_no_limit(bays, none):
    assert "error" not in bays.execute([INSERT], db_timeout=none).text
    assert "error" not in bays.request([INSERT], db_timeout=none).text
    assert bays.query(["SELECT count(*) FROM bays"], db_timeout=none).results[0]["values"] == [[2]]


def test_what_is_quick_enough_is_as_ever(bays):
    for send in (bays.execute, bays.request):
        reply = send([INSERT, "nonsense", "INSERT INTO bays(tag) VALUES('y') RETURNING tag"],
                     db_timeout="1h")
        assert [list(each)[0] for each in reply.results] == ["last_insert_id", "error", "columns"]
    assert bays.query([SLOW_READ.replace("FROM n) ", "FROM n WHERE i < 9) ")],
                      db_timeout="2540400h").results[0]["values"] == [[9]]
    assert count(bays) == 4


@pytest.mark.parametrize("sql", ["BEGIN", "VACUUM", "PRAGMA user_version=1", f"{INSERT}; {INSERT}"])
def test_what_cannot_be_tried_is_refused(bays, sql):
    reply = bays.execute([INSERT, sql], db_timeout="1h").json
    assert reply["results"] == [] and reply["error"].startswith("db_timeout needs statements")
    assert count(bays) == 0


def test_virtual_tables_may_have_a_limit_too(client):
    client.must("CREATE VIRTUAL TABLE words USING fts5(w)")
    for n in range(1, 4):
        assert client.execute(["INSERT INTO words VALUES('a')"], db_timeout="1h").text == results(
            f'{{"last_insert_id":{n},"rows_affected":1}}')
    assert client.value("SELECT count(*) FROM words WHERE words MATCH 'a'") == 3


def test_a_trial_leaves_no_trace(bays):
    """Neither in the counters, nor in what random() gives, nor in what others see."""
    bays.must("INSERT INTO bays(tag) VALUES('a'), ('b')")
    state = "SELECT last_insert_rowid(), changes(), total_changes()"
    watch = lambda: bays.request([state, "PRAGMA user_version=0"]).results[0]["values"]
    before = watch()
    for _ in range(3):
        assert bays.execute([f"INSERT OR REPLACE INTO bays {ENDLESS} SELECT 7, i FROM n"],
                            db_timeout=SOON).text == results(EXECUTE)
        assert watch() == before
    # What was tried and what is stored are the same.
    values = bays.request([["INSERT INTO bays(tag) VALUES(random()) RETURNING tag"],
                           "SELECT tag FROM bays ORDER BY id DESC LIMIT 1"], db_timeout="1h").results
    assert values[0]["values"] == values[1]["values"]


def test_a_key_keeps_the_first_verdict(bays):
    send = lambda **parameters: bays.keyed("k", [INSERT, SLOW_WRITE], **parameters)
    first, second, third = send(db_timeout=SOON), send(db_timeout=SOON), send()
    assert first.text == second.text == third.text == results(ONE_ROW, EXECUTE)
    assert third.headers["Idempotency-Replayed"] == "true"
    assert count(bays) == 1


def test_what_was_too_slow_once_is_so_for_ever(node):
    """A restart that replays the log has another clock, and all the time of the world."""
    client = node.client
    client.must(BAYS)
    # Long, but with an end: without the verdict in the log, a replay would run it to that.
    long = ("INSERT INTO bays WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n "
            "WHERE i < 3000000) SELECT 7, max(i) FROM n")
    acknowledged = 0
    for n in range(6):
        reply = client.execute([INSERT, long.replace("7", str(100 + n)), INSERT], db_timeout="40ms")
        acknowledged += sum(each.get("rows_affected", 0) for each in reply.results)
    writers = [threading.Thread(target=lambda: node.new_client().execute(
        [INSERT, long], *flags, db_timeout="20ms")) for flags in ((), ("transaction",)) * 3]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    before = client.rows("SELECT * FROM bays ORDER BY id")
    assert len(before) >= acknowledged
    counters = client.request(["SELECT last_insert_rowid(), changes(), total_changes()",
                               "PRAGMA user_version=0"]).results[0]
    for _ in range(2):
        node.kill()
        node.start()
        assert node.client.rows("SELECT * FROM bays ORDER BY id") == before
        assert node.client.request(["SELECT last_insert_rowid(), changes(), total_changes()",
                                    "PRAGMA user_version=0"]).results[0] == counters


def test_a_kill_while_writes_are_tried_loses_nothing_that_was_acknowledged(node):
    node.client.must(BAYS)
    acknowledged = []

    def write(first):
        client = node.new_client()
        for n in range(first, first + 100_000):
            try:
                reply = client.execute([["INSERT INTO bays VALUES(?, 'x')", n]], db_timeout="10s")
            except OSError:
                return
            except Exception:  # the connection was cut in the middle of an answer
                return
            if "rows_affected" in reply.text:
                acknowledged.append(n)

    writers = [threading.Thread(target=write, args=(k * 1_000_000 + 1,)) for k in range(4)]
    for each in writers:
        each.start()
    eventually(lambda: len(acknowledged) > 500)
    node.kill()
    for each in writers:
        each.join()
    node.start()
    stored = set(node.client.column("SELECT id FROM bays"))
    assert stored.issuperset(acknowledged)
    assert len(stored) <= len(acknowledged) + len(writers)


def test_others_write_while_a_read_is_slow(node):
    node.client.must(BAYS)
    slow = threading.Thread(target=lambda: node.new_client().query([SLOW_READ], db_timeout="1s"))
    slow.start()
    for _ in range(50):
        node.client.must(INSERT)
    assert slow.is_alive()
    slow.join()


# Freshness and levels.

def test_a_leader_is_never_stale(client):
    for flags in ((), ("freshness_strict",)):
        for freshness in ("1ns", "-1s", "0", "1h"):
            for ask in (client.query, client.request):
                reply = ask(["SELECT 1 AS one"], *flags, level="none", freshness=freshness)
                assert reply.results[0]["values"] == [[1]]


@pytest.mark.parametrize("flags, parameters, message", [
    (("freshness_strict",), {}, "freshness_strict requires freshness"),
    ((), {"freshness": "1"}, "freshness is not a valid duration"),
    ((), {"freshness": ""}, "freshness is not a valid duration"),
    ((), {"db_timeout": "soon"}, "db_timeout is not a valid duration"),
    ((), {"linearizable_timeout": "1d"}, "linearizable_timeout is not a valid duration")])
def test_a_parameter_that_is_none_is_refused(client, flags, parameters, message):
    for ask in (client.query, client.request, client.execute):
        reply = ask(["SELECT 1"], *flags, **parameters)
        assert (reply.status, reply.text) == (400, message + "\n")


@pytest.mark.parametrize("timeout", ["0", "1s", "2562047h", "-1s"])
def test_a_linearizable_read_waits_as_long_as_it_may(bays, timeout):
    reply = bays.query(["SELECT 1 AS one"], level="linearizable", linearizable_timeout=timeout)
    assert reply.status == 200
    # An index that was reached before the time was up is not late.
    assert reply.results[0]["values"] == [[1]]
