"""pyrqlite, the DB-API client. It puts the parameters into the SQL text itself."""

import datetime

import pyrqlite.dbapi2 as dbapi2
import pytest

from nodes import CREDENTIALS, HOST, RQLITED, free_ports
from samples import BLOBS, INTEGERS, MANY, REALS, ROWS, SLOW, TEXTS


def connect(node, **options):
    scheme = "http" if node.tls is None else "https"
    return dbapi2.connect(scheme=scheme, host=HOST, port=node.port, **options)


@pytest.fixture(params=["locked_node", "tls_node"])
def guarded_node(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def connection(node):
    with_it = connect(node)
    yield with_it
    with_it.close()


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def foo(cursor):
    cursor.execute("CREATE TABLE foo (id integer not null primary key, name text)")
    return cursor


def count(cursor, table="foo"):
    return cursor.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


# What its README shows.

def test_the_example_of_its_readme(connection):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE foo (id integer not null primary key, name text)")
        cursor.executemany("INSERT INTO foo(name) VALUES(?)", seq_of_parameters=(("a",), ("b",)))
        assert cursor.rowcount == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT `id`, `name` FROM `foo` WHERE `name`=?", ("a",))
        row = cursor.fetchone()
        assert (row["id"], row["name"]) == (1, "a")
        cursor.execute("SELECT `id`, `name` FROM `foo` WHERE `name`=:name", {"name": "b"})
        assert cursor.fetchone() == (2, "b")


def test_a_memory_connection_starts_and_ends_a_node_of_its_own(monkeypatch):
    # It removes the data directory first and only then sends SIGTERM: the node has to end all the
    # same, for the client waits for it without a limit.
    monkeypatch.setattr("pyrqlite._ephemeral.RQLITED_PATH", RQLITED)
    connection = dbapi2.connect(scheme=":memory:")
    process = connection._ephemeral._proc
    connection.execute("CREATE TABLE foo (id integer primary key)")
    assert connection.execute("INSERT INTO foo VALUES(7)").lastrowid == 7
    connection.close()
    assert process.poll() is not None


# Values.

@pytest.mark.parametrize("value", INTEGERS)
def test_integers_keep_all_their_digits(cursor, value):
    cursor.execute("CREATE TABLE t (v INTEGER)")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    assert cursor.execute("SELECT v FROM t").fetchone() == (value,)


@pytest.mark.parametrize("value", REALS)
def test_reals_come_back_to_the_last_bit(cursor, value):
    cursor.execute("CREATE TABLE t (v REAL)")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    (stored,) = cursor.execute("SELECT v FROM t").fetchone()
    assert (stored, type(stored)) == (value, float)


@pytest.mark.parametrize("value", TEXTS)
def test_texts_come_back_as_they_were(cursor, value):
    cursor.execute("CREATE TABLE t (v TEXT)")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    assert cursor.execute("SELECT v FROM t").fetchone() == (value,)


@pytest.mark.parametrize("value", BLOBS)
def test_blobs_come_back_as_bytes(cursor, value):
    cursor.execute("CREATE TABLE t (v BLOB)")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    assert cursor.execute("SELECT v FROM t").fetchone() == (value,)


def test_null_is_none(cursor):
    cursor.execute("CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB, d DATE, ts TIMESTAMP)")
    cursor.execute("INSERT INTO t VALUES(?,?,?,?,?,?)", (None,) * 6)
    assert cursor.execute("SELECT * FROM t").fetchone() == (None,) * 6


def test_dates_and_booleans_become_python_objects(cursor):
    date, moment = datetime.date(2004, 2, 14), datetime.datetime(2004, 2, 14, 7, 15, 0, 500)
    cursor.execute("CREATE TABLE t (d DATE, ts TIMESTAMP, dt DATETIME, b BOOL, whole TIMESTAMP)")
    cursor.execute("INSERT INTO t VALUES(?,?,?,?,?)",
                   (date, moment, moment, True, moment.replace(microsecond=0)))
    assert cursor.execute("SELECT * FROM t").fetchone() == (
        date, moment, "2004-02-14 07:15:00.0005",  # a DATETIME stays text, by its own choice
        True, moment.replace(microsecond=0))


def test_declared_types_and_column_names_choose_converters(node):
    connection = connect(node, detect_types=dbapi2.PARSE_DECLTYPES | dbapi2.PARSE_COLNAMES)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (n NUMBER(10), f FLOAT, d TEXT)")
    cursor.execute("INSERT INTO t VALUES(3, 2.0, '2004-02-14')")
    assert cursor.execute("SELECT f FROM t").fetchone() == (2.0,)
    cursor.execute('SELECT d AS "d [date]" FROM t')
    assert cursor.fetchone() == (datetime.date(2004, 2, 14),)
    assert cursor.description[0][0] == "d"


def test_expressions_have_the_type_of_their_value(cursor):
    assert cursor.execute("SELECT 1, 2.5, 'x', NULL, 3.0").fetchone() == (1, 2.5, "x", None, 3)


# Parameters.

def test_parameters_by_name_and_by_place(foo):
    foo.execute("INSERT INTO foo(id, name) VALUES(:id, :name)", {"id": 9, "name": "it's"})
    assert foo.lastrowid == 9
    assert foo.execute("SELECT name FROM foo WHERE id=?", [9]).fetchone() == ("it's",)
    with pytest.raises(dbapi2.ProgrammingError, match="incorrect number of parameters"):
        foo.execute("SELECT name FROM foo WHERE id=?", (1, 2))


def test_injected_sql_stays_text(foo):
    evil = "x'); DROP TABLE foo; --"
    foo.execute("INSERT INTO foo(name) VALUES(?)", (evil,))
    assert foo.execute("SELECT name FROM foo").fetchall() == [(evil,)]


# Rows.

def test_rows_are_fetched_one_by_one_many_and_all(foo):
    foo.executemany("INSERT INTO foo(name) VALUES(?)", [(letter,) for letter in "abcde"])
    foo.execute("SELECT id FROM foo ORDER BY id")
    assert foo.rowcount == 5
    assert foo.fetchone() == (1,)
    assert foo.fetchmany(2) == [(2,), (3,)]
    assert foo.fetchall() == [(4,), (5,)]
    assert foo.fetchone() is None
    assert [name for name, in foo.execute("SELECT name FROM foo")] == list("abcde")
    assert foo.execute("SELECT name FROM foo WHERE id > 5").fetchall() == []
    assert [column[0] for column in foo.description] == ["name"]


def test_a_large_result_arrives_whole(cursor):
    rows = cursor.execute(ROWS).fetchall()
    assert len(rows) == MANY and rows[-1][0] == MANY


def test_rowcount_and_lastrowid(foo):
    assert foo.execute("INSERT INTO foo(name) VALUES('a')").lastrowid == 1
    foo.execute("INSERT INTO foo(name) VALUES('b')")
    assert foo.execute("UPDATE foo SET name='c'").rowcount == 2
    assert foo.execute("UPDATE foo SET name='d' WHERE id=99").rowcount == 0
    assert foo.execute("DELETE FROM foo WHERE id=1").rowcount == 1


def test_returning(foo):
    foo.execute("INSERT INTO foo(name) VALUES('a'), ('b') RETURNING id, name")
    assert foo.fetchall() == [(1, "a"), (2, "b")]


def test_introspection(foo):
    assert foo.execute("PRAGMA table_info(foo)").fetchall() == [
        (0, "id", "INTEGER", 1, None, 1), (1, "name", "TEXT", 0, None, 0)]
    assert foo.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall() == [
        ("table", "foo", "foo")]


# Errors and transactions.

@pytest.mark.parametrize("sql, message", [
    ("SELECT * FROM nowhere", "no such table: nowhere"),
    ("SELECT absent FROM foo", "no such column: absent"),
    ("SELECT bogus bogus bogus", "syntax error"),
    ("INSERT INTO foo(id) VALUES(1), (1)", "UNIQUE constraint failed: foo.id"),
    ("INSERT INTO foo(id) VALUES('x')", "datatype mismatch"),
    ("CREATE TABLE foo (id)", "table foo already exists"),
])
def test_what_sqlite_says_reaches_the_caller(foo, sql, message):
    with pytest.raises(dbapi2.Error, match=message):
        foo.execute(sql)
    assert count(foo) == 0


def test_executemany_is_one_transaction(foo):
    # That something failed is only logged; see executemany() of the client.
    foo.executemany("INSERT INTO foo(id) VALUES(?)", [(1,), (2,), (1,), (3,)])
    assert count(foo) == 0


def test_a_multi_row_insert_that_fails_leaves_nothing(foo):
    with pytest.raises(dbapi2.Error):
        foo.execute("INSERT INTO foo(id) VALUES(1), (2), (1)")
    assert count(foo) == 0


# Queued writes.

def test_a_queued_write_with_wait_can_be_read_at_once(foo):
    foo.execute("INSERT INTO foo(name) VALUES(?)", ("queued",), queue=True, wait=True)
    assert count(foo) == 1


def test_queued_writes_without_wait_are_stored_in_order(foo):
    for number in range(20):
        foo.execute("INSERT INTO foo(name) VALUES(?)", (str(number),), queue=True)
    foo.executemany("INSERT INTO foo(name) VALUES(?)", [("20",), ("21",)], queue=True, wait=True)
    assert [int(name) for name, in foo.execute("SELECT name FROM foo ORDER BY id")] == list(range(22))


def test_a_queued_transaction_is_stored_whole_or_not_at_all(foo):
    # With wait the answer says which statement failed; this client only logs it.
    foo.executemany("INSERT INTO foo(id) VALUES(?)", [(1,), (1,)], queue=True, wait=True)
    assert count(foo) == 0


# How it is asked.

@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong", "auto"])
def test_every_level_of_consistency_sees_what_was_written(foo, level):
    foo.execute("INSERT INTO foo(name) VALUES('a')")
    assert foo.execute("SELECT name FROM foo", consistency=level).fetchall() == [("a",)]


def test_without_redirects(node):
    cursor = connect(node, max_redirects=0).cursor()
    cursor.execute("CREATE TABLE foo (id integer primary key)")
    assert count(cursor) == 0


def test_a_statement_that_takes_too_long_times_out(node):
    # It tries ten times.
    with pytest.raises(TimeoutError):
        connect(node, timeout=0.02).execute(SLOW)
    assert connect(node, timeout=5).execute("SELECT 1").fetchone() == (1,)


def test_nobody_listens():
    with pytest.raises(ConnectionRefusedError):
        dbapi2.connect(host=HOST, port=free_ports(1)[0]).execute("SELECT 1")


def test_a_connection_outlives_a_restart_of_the_node(own_node):
    cursor = connect(own_node).cursor()
    cursor.execute("CREATE TABLE foo (id integer primary key, name text)")
    cursor.execute("INSERT INTO foo(name) VALUES('a')")
    own_node.restart()
    assert cursor.execute("SELECT name FROM foo").fetchall() == [("a",)]
    cursor.connection.ping()


@pytest.mark.parametrize("who", CREDENTIALS[:2], ids=lambda entry: entry["username"])
def test_who_has_the_password_may_read(guarded_node, who):
    connection = connect(guarded_node, user=who["username"], password=who["password"])
    assert connection.execute("SELECT name FROM foo").fetchall() == [("fiona",)]


@pytest.mark.parametrize("user, password", [("mary", "wrong"), ("nobody", "secret2"), (None, None)])
def test_who_has_not_is_refused(guarded_node, user, password):
    connection = connect(guarded_node, user=user, password=password)
    with pytest.raises(dbapi2.Error, match="unexpected http status: 401"):
        connection.execute("SELECT name FROM foo")


def test_who_may_only_read_may_not_write(guarded_node):
    mary, eve, _ = CREDENTIALS
    write = "INSERT INTO foo(name) VALUES('declan')"
    with pytest.raises(dbapi2.Error, match="unexpected http status: 401"):
        connect(guarded_node, user=eve["username"], password=eve["password"]).execute(write)
    connect(guarded_node, user=mary["username"], password=mary["password"]).execute(write)
    assert count(connect(guarded_node, user="mary", password="secret2")) == 2
