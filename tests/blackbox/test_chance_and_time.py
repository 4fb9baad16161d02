"""random() and 'now' in SQL: nothing is rewritten, and still all replicas come to the same."""

import datetime

import pytest

from node import eventually

# Everything goes into the log, and a restart after a kill applies it again: as another replica does.
LOGGED = ("-raft-snap", "1000000", "-raft-snap-wal-size", "0")
NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


@pytest.fixture
def replay(start_node):
    """A client, and what applies its log again."""
    node = start_node(*LOGGED)

    def again():
        node.kill()
        node.start()
        return node.client

    return node.client, again


# What an entry stores, however it comes to a value that is another each time. Where a program that
# rewrites SQL text cannot look, or would lose something.
STATEMENTS = {
    "functions": ["INSERT INTO t VALUES(random(), randomblob(8), datetime('now'))"],
    "blanks before parentheses": ["INSERT INTO t VALUES(random (), randomblob ( 8 ), date ('now'))"],
    "keywords": ["INSERT INTO t VALUES(CURRENT_TIMESTAMP, CURRENT_DATE, CURRENT_TIME)"],
    "no arguments": ["INSERT INTO t VALUES(date(), datetime(), time())",
                     "INSERT INTO t VALUES(julianday(), unixepoch(), strftime('%s'))"],
    "a parameter": [["INSERT INTO t(a) VALUES(julianday(?))", "now"]],
    "a computed argument": ["INSERT INTO t(a, b) VALUES(datetime('n' || 'ow'), randomblob(2 * 4))"],
    "subqueries": ["INSERT INTO t(a) VALUES((SELECT random()))",
                   "INSERT INTO t(a) SELECT 1 WHERE random() IN (SELECT random())",
                   "INSERT INTO t(a) WITH w AS (SELECT random() AS r) SELECT r FROM w",
                   "WITH w AS (SELECT random() AS r) INSERT INTO t(a) SELECT r FROM w"],
    "defaults": ["CREATE TABLE d(n, a DEFAULT (random()), at DEFAULT CURRENT_TIMESTAMP)",
                 "INSERT INTO d(n) VALUES(1), (2), (3)", "INSERT INTO t(a, b) SELECT a, at FROM d"],
    "a trigger": ["CREATE TRIGGER g AFTER INSERT ON t WHEN new.b = 'fire' BEGIN "
                  f"INSERT INTO t(a, b) VALUES(random(), {NOW}); END",
                  "INSERT INTO t(b) VALUES('fire'), ('fire')"],
    "a view": [f"CREATE VIEW v AS SELECT random() AS r, {NOW} AS n", "INSERT INTO t(a, b) SELECT * FROM v"],
    "an order": ["INSERT INTO t(a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                 "LIMIT 50) SELECT i FROM n ORDER BY random() LIMIT 9"],
    "several in a text": ["BEGIN; INSERT INTO t(a) VALUES(random()); INSERT INTO t(a) VALUES(random()); "
                          "COMMIT"],
    "RETURNING": ["INSERT INTO t(a) VALUES(1)",
                  f"UPDATE t SET a = random(), b = {NOW} RETURNING a, b",
                  "DELETE FROM t WHERE a < random() RETURNING random()"],
    "LIKE with an escape": ["INSERT INTO t(a) SELECT random() WHERE 'a_b' LIKE 'a\\_b' ESCAPE '\\'"],
    "[names]": ["INSERT INTO [t]([a]) VALUES(random())"],
    "other alphabets": ["CREATE TABLE größe(ä)", "INSERT INTO größe VALUES(random())",
                        "INSERT INTO t(a) SELECT ä FROM größe"],
    "the counters": ["INSERT INTO t(a, b, c) VALUES(changes(), total_changes(), last_insert_rowid())"],
    "local time": ["INSERT INTO t(a, b) VALUES(datetime('now', 'localtime'), datetime('now'))"],
    "younger functions": ["INSERT INTO t(a, b) VALUES(timediff('now', '2000-01-01'), "
                          "datetime('now', 'subsec'))"],
}


@pytest.mark.parametrize("flags", [(), ("transaction",), ("noparse",), ("norwrandom", "norwtime")])
def test_what_is_stored_is_alike_when_it_is_applied_again(replay, flags):
    client, again = replay
    client.must("CREATE TABLE t(a, b, c)")
    contents = "SELECT quote(a), quote(b), quote(c) FROM t ORDER BY rowid"
    seen = {}
    for name, statements in STATEMENTS.items():
        if "transaction" in flags and name == "several in a text":
            continue  # it has one of its own
        client.must("DELETE FROM t")
        reply = client.execute(statements, *flags)
        if name != "younger functions":  # which not every SQLite has
            assert '"error"' not in reply.text, (name, reply.text)
        if "CREATE" not in str(statements):
            client.request(statements, *flags)
        seen[name] = client.rows(contents)
        client.must(f"CREATE TABLE \"kept {name}\" AS {contents}", "DROP TRIGGER IF EXISTS g")
    client = again()
    for name, rows in seen.items():
        assert client.rows(f"SELECT * FROM \"kept {name}\"") == rows, name


def test_nothing_is_frozen_when_it_is_created(client):
    client.must("CREATE TABLE t(n, a DEFAULT (random()), b AS (n + 1), CHECK(n < random() OR 1))")
    client.must("INSERT INTO t(n) VALUES(1), (2), (3)")
    assert len(set(client.column("SELECT a FROM t"))) == 3
    assert "random()" in client.value("SELECT sql FROM sqlite_master")


def test_what_a_rewriting_would_lose_is_kept(client):
    client.must("CREATE TABLE strict_one(a INTEGER DEFAULT (random()), b TEXT) STRICT",
                "CREATE TABLE w(a PRIMARY KEY, b DEFAULT (datetime('now'))) WITHOUT ROWID")
    assert client.execute(["INSERT INTO strict_one VALUES('x', 'y')"]).results == [
        {"error": "cannot store TEXT value in INTEGER column strict_one.a"}]
    assert "WITHOUT ROWID" in client.value("SELECT sql FROM sqlite_master WHERE name = 'w'")
    client.must("INSERT INTO strict_one VALUES(1, 'a'), (2, 'b')")
    # The clause RETURNING beside what changes each time.
    assert client.must("UPDATE strict_one SET b = datetime('now') WHERE a = 1 RETURNING a")[0][
        "values"] == [[1]]
    assert client.must("DELETE FROM strict_one WHERE b < random() OR 1 RETURNING a")[0][
        "values"] == [[1], [2]]
    # Every statement of a text.
    client.must("INSERT INTO w(a) VALUES(random()); INSERT INTO w(a) VALUES('second') -- and a note")
    assert client.column("SELECT a FROM w WHERE a = 'second'") == ["second"]
    # The words themselves.
    client.must("INSERT INTO w VALUES('word', CURRENT_TIMESTAMP || random())")
    assert client.value("SELECT b FROM w WHERE a = 'word'").startswith("20")


def test_unnamed_columns_have_the_text_as_it_was_sent(client):
    for level in ("weak", "strong"):
        reply = client.query(["SELECT random(), datetime( 'now' )"], level=level)
        assert reply.results[0]["columns"] == ["random()", "datetime( 'now' )"]


def test_random_takes_all_of_its_range(client):
    client.must("CREATE TABLE t(r)", "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                "SELECT i + 1 FROM n LIMIT 1000) SELECT random() FROM n")
    assert client.value("SELECT count(DISTINCT r) FROM t") == 1000
    assert client.value("SELECT count(*) FROM t WHERE r < 0") in range(350, 650)
    assert client.value("SELECT count(*) FROM t WHERE abs(r / 2) > 1 << 61") in range(350, 650)


@pytest.mark.parametrize("size, length", [("0", 1), ("-1", 1), ("NULL", 1), ("1", 1), ("17", 17),
                                          ("0x10", 16), ("3.9", 3), ("'4'", 4), ("100000", 100000)])
def test_a_random_blob_has_its_size(shared, size, length):
    for send in (shared.client.query, shared.client.request):
        for more in ([], ["PRAGMA user_version=0"]):
            assert send([f"SELECT length(randomblob({size}))", *more]).results[0]["values"] == [[length]]


def test_a_huge_random_blob_is_an_error(client):
    for send in (client.query, client.request, client.execute):
        assert send(["SELECT length(randomblob(9223372036854775807))"]).results == [
            {"error": "string or blob too big"}]


def test_now_is_now_to_the_millisecond(client):
    client.must("CREATE TABLE t(at)")
    clock = lambda: datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    before = clock()
    client.must(f"INSERT INTO t VALUES({NOW})")
    after = clock()
    assert before <= client.value("SELECT at FROM t") <= after
    # A fraction of a second is not cut to a part of a day.
    client.must("DELETE FROM t")

    def fractions():
        client.must(f"INSERT INTO t VALUES({NOW})")
        return client.value("SELECT count(DISTINCT substr(at, -3)) FROM t") > 5

    eventually(fractions)


def test_one_request_has_one_time(client):
    client.must("CREATE TABLE t(at)")
    wait = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 200000) "
            "SELECT max(i) FROM n")
    client.must(f"INSERT INTO t VALUES({NOW})", wait, f"INSERT INTO t VALUES({NOW})",
                f"INSERT INTO t SELECT {NOW}; INSERT INTO t SELECT {NOW}")
    assert client.value("SELECT count(DISTINCT at) FROM t") == 1


def test_local_time_is_utc_wherever_the_node_lives(make_node, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    node = make_node()
    node.start()
    sql = "SELECT datetime('now', 'localtime') = datetime('now'), time(0, 'unixepoch', 'localtime')"
    for ask in (node.client.query, node.client.request):
        for more in ([], ["PRAGMA user_version=0"]):
            assert ask([sql, *more]).results[0]["values"] == [[1, "00:00:00"]]
