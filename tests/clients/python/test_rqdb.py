"""rqdb, with real parameters, transactions and the unified endpoint; blocking and asynchronous."""

import asyncio
import io
import sqlite3

import pytest
import rqdb
from rqdb.errors import DBError, MaxAttemptsError, UnexpectedResponse

from nodes import HOST, free_ports
from samples import INTEGERS, MANY, REALS, ROWS, SLOW, TEXTS

PERSONS = "CREATE TABLE persons (id INTEGER PRIMARY KEY, uid TEXT UNIQUE NOT NULL, name TEXT)"
PETS = ("CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT NOT NULL, "
        "owner_id INTEGER NOT NULL REFERENCES persons(id) ON DELETE CASCADE)")
PERSON = "INSERT INTO persons (uid, name) VALUES (?, ?)"


def connect(node, **options):
    return rqdb.connect([node.address], log=False, **options)


@pytest.fixture
def cursor(node):
    return connect(node).cursor()


@pytest.fixture
def persons(cursor):
    cursor.execute(PERSONS)
    cursor.execute(PETS)
    return cursor


def names(cursor):
    cursor.execute("SELECT name FROM persons ORDER BY id")
    return [name for name, in cursor.fetchall()]


# What its README shows.

def test_the_example_of_its_readme(persons):
    persons.execute(PERSON, ("jane", "Jane Doe"))
    assert (persons.rows_affected, persons.last_insert_id) == (1, 1)
    result = persons.executemany3((
        (PERSON, ("john", "John Doe")),
        ("INSERT INTO pets (name, owner_id) SELECT ?, persons.id FROM persons WHERE uid = ?",
         ("Fido", "john")),
    )).raise_on_error()
    assert [item.rows_affected for item in result] == [1, 1]
    persons.execute("SELECT pets.name, persons.name FROM pets JOIN persons ON owner_id = persons.id")
    assert persons.fetchone() == ["Fido", "John Doe"]
    assert persons.fetchone() is None


def test_explain_prints_the_plan(persons):
    query = "SELECT id FROM persons WHERE name LIKE ?"
    persons.execute("CREATE INDEX persons_name ON persons(name COLLATE NOCASE)")
    plan = persons.explain(query, ("john d%",), out="str")
    assert "SEARCH persons USING" in plan and "persons_name" in plan
    persons.execute("DROP INDEX persons_name")
    assert "SCAN persons" in persons.explain(query, ("john d%",), out="str")


def test_nulls_are_put_into_the_text(persons):
    persons.execute(PERSON, ("a", None))
    persons.execute("SELECT uid FROM persons WHERE name = ?", (None,))
    assert persons.fetchall() == []
    persons.execute("SELECT uid FROM persons WHERE (? IS NULL AND name IS NULL) OR name = ?", (None, None))
    assert persons.fetchall() == [["a"]]


# Values.

@pytest.mark.parametrize("value", INTEGERS + REALS + TEXTS + [True, None])
def test_values_come_back_as_they_were(cursor, value):
    kind = {int: "INTEGER", float: "REAL", str: "TEXT", bool: "BOOLEAN", type(None): "TEXT"}[type(value)]
    cursor.execute(f"CREATE TABLE t (v {kind})")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    cursor.execute("SELECT v FROM t")
    assert cursor.fetchall() == [[value]]


def test_bytes_are_lists_of_numbers_on_the_way_in_and_base64_on_the_way_out(cursor):
    cursor.execute("CREATE TABLE t (v BLOB)")
    cursor.execute("INSERT INTO t VALUES(?)", ([0, 255, 128],))
    cursor.execute("SELECT v, hex(v), typeof(v) FROM t")
    assert cursor.fetchone() == ["AP+A", "00FF80", "blob"]


def test_dates_are_texts_of_rfc_3339(cursor):
    cursor.execute("CREATE TABLE t (d DATE, ts TIMESTAMP, u DATETIME)")
    cursor.execute("INSERT INTO t VALUES(?, ?, ?)", ("2019-07-20", "2019-07-20 20:17:40.25", 1563653860))
    cursor.execute("SELECT * FROM t")
    assert cursor.fetchone() == ["2019-07-20T00:00:00Z", "2019-07-20T20:17:40.25Z", "2019-07-20T20:17:40Z"]


# Rows and results.

def test_rows_are_fetched_one_by_one_many_and_all(persons):
    persons.executemany2([PERSON] * 5, [(letter, letter) for letter in "abcde"])
    persons.execute("SELECT uid FROM persons ORDER BY id")
    assert persons.rowcount == 5
    assert persons.fetchone() == ["a"]
    assert persons.fetchmany(2) == [["b"], ["c"]]
    assert persons.fetchall() == [["d"], ["e"]]


def test_a_large_result_arrives_whole(cursor):
    cursor.execute(ROWS)
    assert cursor.rowcount == MANY and cursor.fetchall()[-1][0] == MANY


def test_a_query_that_starts_with_with(cursor):
    cursor.execute("WITH x AS (SELECT 1 AS a) SELECT a FROM x")
    assert cursor.fetchone() == [1]


def test_returning(persons):
    result = persons.execute(PERSON + " RETURNING id, name", ("a", "Anna"))
    assert result.results == [[1, "Anna"]]


def test_timings_are_there(persons):
    result = persons.execute(PERSON, ("a", "Anna"))
    assert persons.time > 0 and 0 < result.time <= persons.time


# Transactions.

def test_a_transaction_that_fails_leaves_nothing(persons):
    with pytest.raises(DBError) as failure:
        persons.executemany3([(PERSON, ("a", "A")), (PERSON, ("a", "B")), (PERSON, ("c", "C"))])
    assert failure.value.is_unique
    assert names(persons) == []


def test_without_a_transaction_the_others_are_stored(persons):
    result = persons.executemany2([PERSON] * 3, [("a", "A"), ("a", "B"), ("c", "C")],
                                  transaction=False, raise_on_error=False)
    assert [item.error for item in result] == [None, "UNIQUE constraint failed: persons.uid", None]
    assert names(persons) == ["A", "C"]


def test_the_unified_endpoint_reads_what_it_just_wrote(persons):
    result = persons.executeunified3([
        (PERSON, ("a", "A")),
        ("SELECT name FROM persons WHERE uid = ?", ("a",)),
        ("UPDATE persons SET name = ?", ("B",)),
        ("SELECT name FROM persons", ()),
    ])
    assert (result[0].last_insert_id, result[1].results, result[2].rows_affected, result[3].results) == (
        1, [["A"]], 1, [["B"]])


def test_the_unified_endpoint_rolls_back_too(persons):
    with pytest.raises(DBError, match="UNIQUE constraint failed"):
        persons.executeunified2([PERSON, "SELECT 1", PERSON], [("a", "A"), (), ("a", "B")])
    assert names(persons) == []


def test_the_unified_endpoint_commits_around_what_cannot_be_compiled(persons):
    # As the original does, and its clients know it.
    result = persons.executeunified2([PERSON, "SELECT * FROM nowhere"], [("a", "A"), ()], raise_on_error=False)
    assert [item.error for item in result] == [None, "no such table: nowhere"]
    assert names(persons) == ["A"]


def test_foreign_keys_are_checked_where_the_node_was_told_to(strict_node):
    cursor = connect(strict_node).cursor()
    cursor.executemany2([PERSONS, PETS, PERSON], [(), (), ("a", "A")])
    with pytest.raises(DBError) as failure:
        cursor.execute("INSERT INTO pets(name, owner_id) VALUES('Fido', 7)")
    assert failure.value.is_foreign_key
    cursor.executemany2(["INSERT INTO pets(name, owner_id) VALUES('Fido', 1)", "DELETE FROM persons"])
    cursor.execute("SELECT COUNT(*) FROM pets")
    assert cursor.fetchone() == [0]


# Errors.

def test_errors_say_what_they_are(persons):
    with pytest.raises(DBError) as failure:
        persons.execute("SELECT bogus bogus bogus")
    assert failure.value.is_syntax
    with pytest.raises(DBError, match="no such table: nowhere"):
        persons.execute("DELETE FROM nowhere")
    with pytest.raises(DBError, match="NOT NULL constraint failed: persons.uid"):
        persons.execute("INSERT INTO persons(name) VALUES(?)", ("x",))
    result = persons.execute("SELECT * FROM nowhere", raise_on_error=False)
    assert result.error == "no such table: nowhere"


def test_too_few_parameters(persons):
    with pytest.raises(DBError, match="not enough args to execute query: want 2 got 1"):
        persons.execute(PERSON, ("a",))


# How it is asked.

@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong"])
def test_every_level_of_consistency_sees_what_was_written(persons, level):
    persons.execute(PERSON, ("a", "A"))
    persons.execute("SELECT name FROM persons", read_consistency=level)
    assert persons.fetchall() == [["A"]]


def test_a_leader_is_never_stale(persons):
    persons.execute(PERSON, ("a", "A"))
    persons.execute("SELECT name FROM persons", read_consistency="none", freshness="1ns")
    assert persons.fetchall() == [["A"]]


def test_a_leader_redirects_nobody(node):
    # The client counts the first attempt too.
    cursor = connect(node, max_redirects=1).cursor()
    cursor.execute(PERSONS)
    cursor.execute("SELECT 1")
    with pytest.raises(MaxAttemptsError, match="Too many redirects"):
        connect(node, max_redirects=0).cursor().execute("SELECT 1")


def test_the_leader_is_the_node_itself(node):
    assert connect(node).discover_leader() == (HOST, node.port)


def test_a_host_that_is_down_is_passed_over(node):
    cursor = rqdb.connect([f"{HOST}:{free_ports(1)[0]}", node.address], log=False).cursor()
    for _ in range(5):
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == [1]


def test_nobody_listens():
    with pytest.raises(MaxAttemptsError):
        rqdb.connect([f"{HOST}:{free_ports(1)[0]}"], log=False).cursor().execute("SELECT 1")


def test_a_statement_that_takes_too_long_times_out(node):
    with pytest.raises(Exception, match="(?i)timed out"):
        connect(node, timeout=0.02).cursor().execute(SLOW)


def test_a_locked_node_refuses_it(locked_node):
    # This client has no way to give a name and a password.
    with pytest.raises(UnexpectedResponse, match="401"):
        connect(locked_node).cursor().execute("SELECT name FROM foo")


# Backups.

def test_a_backup_is_the_database(persons, tmp_path):
    persons.execute(PERSON, ("a", "A"))
    with open(tmp_path / "copy", "wb") as file:
        persons.connection.backup(file)
    copy = sqlite3.connect(tmp_path / "copy")
    assert copy.execute("SELECT uid, name FROM persons").fetchall() == [("a", "A")]
    copy.close()


def test_a_raw_backup_is_its_sql(persons):
    persons.execute(PERSON, ("a", "A"))
    file = io.BytesIO()
    persons.connection.backup(file, raw=True)
    copy = sqlite3.connect(":memory:")
    copy.executescript(file.getvalue().decode())
    assert copy.execute("SELECT uid, name FROM persons").fetchall() == [("a", "A")]
    copy.close()


# Asynchronous.

def test_the_asynchronous_example_of_its_readme(node):
    async def main():
        async with rqdb.connect_async([node.address], log=False) as connection:
            cursor = connection.cursor()
            await cursor.execute(PERSONS)
            result = await cursor.execute(PERSON, ("jane", "Jane Doe"))
            assert result.rows_affected == 1
            await cursor.execute("SELECT name FROM persons")
            assert cursor.fetchall() == [["Jane Doe"]]

    asyncio.run(main())


def test_many_asynchronous_writes_at_once(node):
    async def main():
        async with rqdb.connect_async([node.address], log=False) as connection:
            await connection.cursor().execute(PERSONS)
            await asyncio.gather(*(connection.cursor().execute(PERSON, (str(n), "x")) for n in range(100)))
            bulk = await connection.cursor().executeunified3([("SELECT COUNT(*) FROM persons", ())])
            assert bulk[0].results == [[100]]
            with pytest.raises(DBError, match="UNIQUE"):
                await connection.cursor().executemany3([(PERSON, ("new", "x")), (PERSON, ("7", "x"))])
            cursor = connection.cursor()
            await cursor.execute("SELECT COUNT(*) FROM persons", read_consistency="linearizable")
            assert cursor.fetchone() == [100]

    asyncio.run(main())


def test_an_asynchronous_backup(node, tmp_path):

    class Sink(io.BytesIO):
        async def write(self, data):
            super().write(data)

    async def main():
        sink = Sink()
        async with rqdb.connect_async([node.address], log=False) as connection:
            await connection.cursor().execute(PERSONS)
            await connection.backup(sink)
        return sink.getvalue()

    (tmp_path / "copy").write_bytes(asyncio.run(main()))
    copy = sqlite3.connect(tmp_path / "copy")
    assert copy.execute("SELECT COUNT(*) FROM persons").fetchone() == (0,)
    copy.close()
