"""SQLite as clients find it here: files, settings, features, limits, and what lasts of a session."""

import os

import pytest

from tables import BAYS

MAX_ROWID = 2**63 - 1


# Files.

def test_the_files_are_there_from_the_start(node):
    for name in ("db.sqlite", "db.sqlite-wal", "db.sqlite-shm"):
        assert (node.data / name).exists(), name


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_side_files_from_elsewhere_are_no_part_of_the_database(node, stop):
    node.client.must(BAYS, "INSERT INTO bays VALUES(1, 'a')")
    assert node.client.send("POST", "/snapshot").status == 200
    node.client.must("INSERT INTO bays VALUES(2, 'b')")
    getattr(node, stop)()
    (node.data / "db.sqlite-wal").write_bytes(os.urandom(100_000))
    (node.data / "db.sqlite-shm").write_bytes(os.urandom(32768))
    node.start()
    assert node.client.rows("SELECT * FROM bays") == [[1, "a"], [2, "b"]]


# Settings.

@pytest.mark.parametrize("flags, foreign_keys", [((), "0"), (("-fk",), "1")])
def test_status_shows_the_settings(start_node, flags, foreign_keys):
    node = start_node(*flags)
    shown = {"busy_timeout": "5000", "foreign_keys": foreign_keys, "journal_mode": "wal",
             "synchronous": "0"}
    assert node.client.status("store.sqlite3.pragmas.ro") == {**shown, "wal_autocheckpoint": "1000"}


@pytest.mark.parametrize("name, value", [
    ("synchronous", 0), ("wal_autocheckpoint", 1000), ("busy_timeout", 5000), ("foreign_keys", 0),
    ("journal_mode", "wal"), ("query_only", 1), ("locking_mode", "normal"), ("temp_store", 0),
    ("cache_size", -2000), ("encoding", "UTF-8"), ("page_size", 4096), ("auto_vacuum", 0),
    ("recursive_triggers", 0), ("case_sensitive_like", None), ("application_id", 0)])
def test_settings_of_a_read(shared, name, value):
    for level in ("none", "weak", "linearizable", "strong"):
        result = shared.client.query([f"PRAGMA {name}"], level=level).results[0]
        assert result.get("values") == (None if value is None else [[value]])


# What lasts, and what ends with its request.

def test_foreign_keys_are_switched_by_a_statement_of_its_own(node):
    client = node.client
    client.must("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p REFERENCES p(id))")
    insert = "INSERT INTO c VALUES(1)"
    client.must(insert)
    for statement, outcome in (("PRAGMA foreign_keys=1", "FOREIGN KEY constraint failed"),
                               ("PRAGMA foreign_keys(off)", None),
                               ("PRAGMA foreign_keys = TRUE", "FOREIGN KEY constraint failed")):
        client.must(statement)
        assert client.execute([insert]).results[0].get("error") == outcome
        assert client.queue([insert], "wait").results[:1] == (
            [{"error": outcome}] if outcome else [])
    node.kill()
    node.start()
    assert node.client.execute([insert]).results == [{"error": "FOREIGN KEY constraint failed"}]


def test_foreign_keys_inside_of_a_text_are_off_for_that_text(start_node):
    client = start_node("-fk").client
    client.must("CREATE TABLE p(id INTEGER PRIMARY KEY)", "CREATE TABLE c(p REFERENCES p(id))")
    dump = "PRAGMA foreign_keys=OFF; BEGIN TRANSACTION; INSERT INTO c VALUES(1); COMMIT;"
    client.must(dump)
    assert client.send("POST", "/db/load", dump.replace("1", "2")).json["results"][0].keys() <= {
        "last_insert_id", "rows_affected"}
    assert client.execute(["INSERT INTO c VALUES(3)"]).results == [
        {"error": "FOREIGN KEY constraint failed"}]
    assert client.column("SELECT p FROM c") == [1, 2]


def test_what_is_temporary_ends_with_its_request(client):
    client.must(BAYS)
    client.must("CREATE TEMP TABLE t(n)", "INSERT INTO t VALUES(1)", "INSERT INTO bays SELECT n, 't' FROM t")
    assert client.execute(["INSERT INTO t VALUES(2)"]).results == [{"error": "no such table: t"}]
    assert client.rows("SELECT * FROM bays") == [[1, "t"]]
    client.must("PRAGMA case_sensitive_like=1", "INSERT INTO bays SELECT 2, 'A' LIKE 'a'")
    client.must("INSERT INTO bays SELECT 3, 'A' LIKE 'a'")
    assert client.rows("SELECT * FROM bays WHERE id > 1") == [[2, "0"], [3, "1"]]


def test_savepoints_within_a_request(client):
    client.must(BAYS, "SAVEPOINT a", "INSERT INTO bays VALUES(1, 'a')", "SAVEPOINT b",
                "INSERT INTO bays VALUES(2, 'b')", "ROLLBACK TO b", "RELEASE b", "RELEASE a")
    assert client.column("SELECT id FROM bays") == [1]
    assert client.execute(["SAVEPOINT a", "INSERT INTO bays VALUES(3, 'c')", "RELEASE a"],
                          "transaction").results[-1] == {"last_insert_id": 3, "rows_affected": 1}
    assert "left a transaction open" in client.execute(["SAVEPOINT a"]).json["error"]
    assert client.column("SELECT id FROM bays") == [1, 3]


# Features.

@pytest.mark.parametrize("statements, ask, answer", [
    (["CREATE VIRTUAL TABLE f USING fts5(w)", "INSERT INTO f VALUES('one two'), ('two')"],
     "SELECT w FROM f WHERE f MATCH 'one'", ["one two"]),
    (["CREATE VIRTUAL TABLE f USING fts4(w)", "INSERT INTO f VALUES('one two'), ('two')"],
     "SELECT w FROM f WHERE f MATCH '(one OR three) NOT four'", ["one two"]),
    (["CREATE VIRTUAL TABLE f USING fts3(w)", "INSERT INTO f VALUES('one two'), ('two')"],
     "SELECT w FROM f WHERE f MATCH 'one'", ["one two"]),
    (["CREATE VIRTUAL TABLE f USING rtree(id, x0, x1)", "INSERT INTO f VALUES(1, 0, 2), (2, 3, 4)"],
     "SELECT id FROM f WHERE x0 < 1", [1]),
    (["CREATE TABLE f(j JSON)", "INSERT INTO f VALUES('{\"a\":[1,2]}')"],
     "SELECT value FROM f, json_each(j, '$.a') WHERE j->>'$.a[0]' = 1", [1, 2]),
    (["CREATE TABLE f(i INT, a ANY) STRICT", "INSERT INTO f VALUES('7', '7')"],
     "SELECT typeof(i) || typeof(a) FROM f", ["integertext"]),
    (["CREATE TABLE f(a INT, b AS (a * 2), c AS (a + 1) STORED)", "INSERT INTO f VALUES(4)"],
     "SELECT b * c FROM f", [40]),
    (["CREATE TABLE f(a)", 'INSERT INTO f VALUES("double quoted")'], 'SELECT a FROM f', ["double quoted"]),
    (["CREATE TABLE f(a)", "INSERT INTO f VALUES(1), (2), (3)"],
     "SELECT sum(a) OVER (ORDER BY a) FROM f", [1, 3, 6]),
    (["CREATE TABLE f(a)"], "SELECT count(*) FROM dbstat WHERE name = 'f'", [1]),
    ([], "SELECT auth_enabled() + authenticate('a', 'b') + auth_user_add('a', 'b', 1) + "
         "auth_user_change('a', 'b', 1) + auth_user_delete('a')", [0]),
    ([], "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3) SELECT i FROM n",
     [1, 2, 3]),
    ([], "SELECT 1 WHERE (1, 2) < (1, 3) AND NULL IS NOT DISTINCT FROM NULL", [1]),
    (["CREATE TABLE f(a)", "CREATE TABLE g(b)", "INSERT INTO f VALUES(1)", "INSERT INTO g VALUES(2)"],
     "SELECT coalesce(a, b) FROM f FULL JOIN g ON a = b ORDER BY 1", [1, 2]),
])
def test_a_feature(client, statements, ask, answer):
    client.must("", *statements)
    assert client.column(ask) == answer
    assert client.request([ask, "PRAGMA user_version=0"]).results[0]["values"] == [
        [each] for each in answer]


# Chance is replicated: a rowid that SQLite picks at random is the same when the log is applied again.

def test_rowids_behind_the_largest_are_alike_on_all_replicas(start_node):
    node = start_node("-raft-snap", "1000000", "-raft-snap-wal-size", "0")
    client = node.client
    client.must(BAYS, f"INSERT INTO bays VALUES({MAX_ROWID}, 'last')", "CREATE TABLE spill(n)")
    insert = "INSERT INTO bays(tag) VALUES('a'), ('b'), ('c')"
    for n in range(10):
        client.must(insert, "INSERT INTO spill WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                            "SELECT i+1 FROM n LIMIT 2000) SELECT random() FROM n ORDER BY 1")
        client.execute([insert, "INSERT INTO bays VALUES(1, 'x'), (1, 'y')", insert],
                       *(["transaction"] if n % 2 else []))
        client.queue([insert])
        client.execute([insert], db_timeout="1h")
        client.must("CREATE TEMP TABLE x(n)", "INSERT INTO x VALUES(1)", insert)
    client.queue("[]", "wait")
    ids = client.column("SELECT id FROM bays ORDER BY id")
    assert len(set(ids)) == 1 + 10 * (3 + 3 + 3 + 3) + 5 * 6
    assert min(ids) > 0
    counts = client.must("SELECT 1")
    node.kill()
    node.start()
    assert node.client.column("SELECT id FROM bays ORDER BY id") == ids
    assert node.client.must("SELECT 1") == counts


def test_the_plans_of_a_writer_are_those_of_one_that_has_just_started(node):
    node.client.must(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)", "CREATE INDEX i ON t(a COLLATE NOCASE)",
        "INSERT INTO t(a, b) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 16) "
        "SELECT NULL, i FROM n", "CREATE TABLE x(n)", "ANALYZE", "ALTER TABLE x RENAME TO y")
    plan = ["EXPLAIN QUERY PLAN SELECT a, b FROM t ORDER BY a", "PRAGMA user_version=0"]
    before = node.client.request(plan).results[0]["values"]
    assert node.client.send("POST", "/snapshot").status == 200  # or it would see all of it again
    node.kill()
    node.start()
    assert node.client.request(plan).results[0]["values"] == before


def test_an_automatic_rowid_ends_at_the_largest(client):
    client.must("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT)",
                f"INSERT INTO t VALUES({MAX_ROWID})")
    assert client.execute(["INSERT INTO t DEFAULT VALUES"]).results == [
        {"error": "database or disk is full"}]
    client.must("CREATE TABLE after(n)")
