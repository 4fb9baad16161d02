"""Error texts that clients compare: SQLite's own, alone, where the statement's result would be."""

import pytest

from tables import make_crew

# What the statements below refer to. Foreign keys are enforced.
SCHEMA = [
    "CREATE TABLE crew(id INTEGER NOT NULL PRIMARY KEY, name TEXT UNIQUE, rank INTEGER)",
    "INSERT INTO crew VALUES(1, 'mira', 7)",
    "CREATE TABLE berths(id INTEGER PRIMARY KEY, crew_id INTEGER REFERENCES crew(id), n NOT NULL, "
    "c INTEGER CHECK(c > 0), d CONSTRAINT small CHECK(d < 9))",
    "CREATE TABLE strict_one(i INTEGER, b BLOB) STRICT",
    "CREATE TABLE both_keys(a, b, PRIMARY KEY(a, b))",
    "CREATE INDEX by_rank ON crew(rank)",
    "CREATE VIEW ranks AS SELECT rank FROM crew",
    "CREATE TRIGGER guard BEFORE DELETE ON crew BEGIN SELECT RAISE(ABORT, 'nobody leaves'); END",
    "CREATE TABLE again(n)",
    "CREATE TRIGGER again_and_again AFTER INSERT ON again BEGIN "
    "INSERT INTO again VALUES(new.n + 1); END",
]

# On every endpoint, for reads as well as for writes.
ANYWHERE = [
    ("SELECT * FROM foo", "no such table: foo"),
    ("SELECT xxx FROM crew", "no such column: xxx"),
    ("SELECT f()", "no such function: f"),
    ("blah", 'near "blah": syntax error'),
    ("SELECT * FROM crew WHERE", "incomplete input"),
    ("SELECT 'abc", 'unrecognized token: "\'abc"'),
    ("SELECT id FROM crew, berths", "ambiguous column name: id"),
    ("SELECT abs()", "wrong number of arguments to function abs()"),
    ("SELECT id FROM crew WHERE count(*) > 1", "misuse of aggregate function count()"),
    ("SELECT abs(-9223372036854775808)", "integer overflow"),
    ("SELECT json('{')", "malformed JSON"),
    ("SELECT zeroblob(2000000000)", "string or blob too big"),
    ("SELECT randomblob(2000000000)", "string or blob too big"),
    ("SELECT load_extension('x')", "not authorized"),
    ("SELECT ?32767", "variable number must be between ?1 and ?32766"),
    ("SELECT " + "1," * 2000 + "1", "too many columns in result set"),
    (" UNION ALL ".join(["SELECT 1"] * 501), "too many terms in compound SELECT"),
    ("SELECT " + "+".join(["1"] * 1001), "Expression tree is too large (maximum depth 1000)"),
    ("SELECT max(" + ",".join(["1"] * 1001) + ")", "too many arguments on function max"),
    ("SELECT 'a' LIKE printf('%.*c', 50001, '_')", "LIKE or GLOB pattern too complex"),
    ("SELECT * FROM crew WHERE (id, rank) = (1)", "row value misused"),
    ("SELECT 1 UNION SELECT 1, 2",
     "SELECTs to the left and right of UNION do not have the same number of result columns"),
]

WRITES = [
    ("CREATE TABLE crew(n)", "table crew already exists"),
    ("CREATE INDEX by_rank ON crew(id)", "index by_rank already exists"),
    ("CREATE VIEW ranks AS SELECT 1", "view ranks already exists"),
    ("CREATE TRIGGER guard AFTER INSERT ON crew BEGIN SELECT 1; END",
     "trigger guard already exists"),
    ("DROP TABLE bar", "no such table: bar"),
    ("DROP INDEX x", "no such index: x"),
    ("DROP VIEW x", "no such view: x"),
    ("DROP TRIGGER x", "no such trigger: x"),
    ("CREATE VIRTUAL TABLE v USING m", "no such module: m"),
    ("INSERT INTO crew(id) VALUES(1)", "UNIQUE constraint failed: crew.id"),
    ("INSERT INTO crew(name) VALUES('mira')", "UNIQUE constraint failed: crew.name"),
    ("INSERT INTO both_keys VALUES(1, 2), (1, 2)",
     "UNIQUE constraint failed: both_keys.a, both_keys.b"),
    ("INSERT INTO berths(id) VALUES(1)", "NOT NULL constraint failed: berths.n"),
    ("INSERT INTO berths(n, c) VALUES(1, 0)", "CHECK constraint failed: c > 0"),
    ("INSERT INTO berths(n, d) VALUES(1, 9)", "CHECK constraint failed: small"),
    ("INSERT INTO berths(n, crew_id) VALUES(1, 99)", "FOREIGN KEY constraint failed"),
    ("INSERT INTO crew(id) VALUES('a')", "datatype mismatch"),
    ("INSERT INTO strict_one(b) VALUES('text')",
     "cannot store TEXT value in BLOB column strict_one.b"),
    ("DELETE FROM crew", "nobody leaves"),
    ("INSERT INTO crew VALUES(1)", "table crew has 3 columns but 1 values were supplied"),
    ("INSERT INTO crew(zz) VALUES(1)", "table crew has no column named zz"),
    ("INSERT INTO crew(id, name) VALUES(1)", "1 values for 2 columns"),
    ("UPDATE crew SET zz = 1", "no such column: zz"),
    ("DELETE FROM crew WHERE zz = 1", "no such column: zz"),
    ("CREATE TABLE t(a, a)", "duplicate column name: a"),
    ("CREATE TABLE sqlite_x(a)", "object name reserved for internal use: sqlite_x"),
    ("DELETE FROM sqlite_master", "table sqlite_master may not be modified"),
    ("INSERT INTO ranks VALUES(1)", "cannot modify ranks because it is a view"),
    ("DROP TABLE ranks", "use DROP VIEW to delete view ranks"),
    ("DROP VIEW crew", "use DROP TABLE to delete table crew"),
    ("CREATE TABLE x.t(a)", "unknown database x"),
    ("CREATE TABLE t(" + ",".join(f"c{n}" for n in range(2001)) + ")", "too many columns on t"),
    ("PRAGMA recursive_triggers=1; INSERT INTO again VALUES(1)", "too many levels of trigger recursion"),
    ("INSERT INTO", "incomplete input"),
    ("INSERT INTO crew(name) VALUES('abc", 'unrecognized token: "\'abc"'),
    ("COMMIT", "cannot commit - no transaction is active"),
    ("ROLLBACK", "cannot rollback - no transaction is active"),
    ("RELEASE x", "no such savepoint: x"),
    ("ROLLBACK TO x", "no such savepoint: x"),
    ("BEGIN; BEGIN", "cannot start a transaction within a transaction"),
    ("BEGIN; VACUUM", "cannot VACUUM from within a transaction"),
    ("SAVEPOINT a; RELEASE b", "no such savepoint: b"),
]


@pytest.fixture(scope="module")
def crowded(shared):
    shared.client.must("PRAGMA foreign_keys=1", *SCHEMA)
    yield shared.client
    # Nothing that failed has changed anything.
    assert shared.client.rows("SELECT count(*), sum(id), (SELECT count(*) FROM berths), "
                              "(SELECT count(*) FROM again) FROM crew") == [[1, 1, 0, 0]]


@pytest.mark.parametrize("sql, error", ANYWHERE, ids=[error for _, error in ANYWHERE])
def test_an_error_of_any_statement(crowded, sql, error):
    for endpoint in ("query", "request", "execute"):
        assert getattr(crowded, endpoint)([sql]).results == [{"error": error}], endpoint
    for level in ("none", "strong"):
        assert crowded.query([sql], level=level).results == [{"error": error}], level


@pytest.mark.parametrize("sql, error", WRITES, ids=[error for _, error in WRITES])
def test_an_error_of_a_write(crowded, sql, error):
    for endpoint in ("execute", "request"):
        if endpoint == "execute" or ";" not in sql:  # there, the first of several says what it is
            assert getattr(crowded, endpoint)([sql]).results == [{"error": error}], endpoint
    assert crowded.queue([sql], "wait").results == [{"error": error}]


def test_errors_stand_where_results_would(crowded):
    texts = ["SELECT 1 AS one", *(sql for sql, _ in ANYWHERE[:6]), "SELECT 2 AS two"]
    results = crowded.query(texts).results
    assert [each.get("error") for each in results] == [
        None, *(error for _, error in ANYWHERE[:6]), None]
    assert results[-1]["values"] == [[2]]


def test_raise_in_a_trigger_may_roll_its_own_statement_back(client):
    client.must("CREATE TABLE t(n)",
                "CREATE TRIGGER g BEFORE INSERT ON t BEGIN SELECT RAISE(ROLLBACK, 'not today'); END")
    reply = client.execute(["CREATE TABLE u(n)", "INSERT INTO t VALUES(1)", "CREATE TABLE v(n)"])
    assert [result.get("error") for result in reply.results] == [None, "not today", None]
    assert client.column("SELECT count(*) FROM sqlite_master WHERE type='table'") == [3]


def test_vacuum_runs_alone_only(client):
    make_crew(client, "mira")
    client.must("VACUUM")
    for send in (client.execute, client.request):
        assert send(["VACUUM"], "transaction").results == [
            {"error": "cannot VACUUM from within a transaction"}]
    assert client.column("SELECT name FROM crew") == ["mira"]
