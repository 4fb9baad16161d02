"""tangled-pyrqlite: DB-API over the unified endpoint, and SQLAlchemy; blocking and asynchronous.

Its SQLAlchemy dialect is in test_orm.py and test_dialects.py too.
"""

import asyncio
import datetime
import threading

import pytest
import rqlite
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

from models import Author, Base, Book, Tag
from nodes import CREDENTIALS, HOST, free_ports
from samples import BLOBS, INTEGERS, MANY, REALS, ROWS, SLOW, TEXTS

PRODUCTS = ("CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
            "price REAL NOT NULL, quantity INTEGER DEFAULT 0)")
PRODUCT = "INSERT INTO products (name, price, quantity) VALUES (?, ?, ?)"


def connect(node, **options):
    return rqlite.connect(host=HOST, port=node.port, lock=threading.Lock(), **options)


@pytest.fixture
def connection(node):
    with connect(node) as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    with connection.cursor() as cursor:
        yield cursor


@pytest.fixture
def products(cursor):
    return cursor.execute(PRODUCTS)


def count(cursor):
    return cursor.execute("SELECT COUNT(*) FROM products").fetchone()[0]


# What its README shows.

def test_the_example_of_its_readme(products):
    products.execute(PRODUCT, ("Widget A", 9.99, 100))
    assert (products.rowcount, products.lastrowid) == (1, 1)
    products.execute("SELECT name, price, quantity FROM products WHERE name=?", ("Widget A",))
    assert products.fetchone() == ("Widget A", 9.99, 100)
    products.execute("UPDATE products SET price=?, quantity=? WHERE name=?", (12.99, 85, "Widget A"))
    assert products.rowcount == 1
    products.connection.commit()
    products.execute("SELECT price, quantity FROM products WHERE name=:name", {"name": "Widget A"})
    assert products.fetchall() == [(12.99, 85)]
    products.execute("DELETE FROM products WHERE name=?", ("Widget A",))
    assert products.execute("SELECT * FROM products").fetchall() == []


def test_the_asynchronous_example_of_its_readme(node):
    async def main():
        connection = rqlite.async_connect(host=HOST, port=node.port, lock=rqlite.AioLock())
        cursor = await connection.cursor()
        await cursor.execute(PRODUCTS)
        await cursor.execute(PRODUCT, ("Widget A", 9.99, 100))
        await connection.commit()
        await cursor.execute("SELECT name, price FROM products WHERE name=:name", {"name": "Widget A"})
        assert cursor.fetchone() == ("Widget A", 9.99)
        with pytest.raises(rqlite.IntegrityError, match="UNIQUE constraint failed"):
            await cursor.execute(PRODUCT, ("Widget A", 1, 1))
        await cursor.close()
        await connection.close()

    asyncio.run(main())


def test_the_asynchronous_orm(node):
    async def main():
        engine = create_async_engine(f"rqlite+aiorqlite://{node.address}",
                                     connect_args={"lock": rqlite.AioLock()})
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        async with sessions() as session:
            session.add(Author(name="Poe", books=[Book(title="Ligeia", tags=[Tag(name="x")])]))
            await session.commit()
        async with sessions() as session:
            author = (await session.scalars(select(Author).options(
                selectinload(Author.books).selectinload(Book.tags)))).one()
            assert [tag.name for tag in author.books[0].tags] == ["x"]
            author.books[0].title = "Eureka"
            await session.commit()
            titles = await session.execute(text("SELECT title FROM book"))
            assert titles.scalars().all() == ["Eureka"]
            await session.delete(author.books[0])
            await session.commit()
            assert await session.scalar(select(func.count()).select_from(Book)) == 0
        await engine.dispose()

    asyncio.run(main())


# Values.

@pytest.mark.parametrize("value", INTEGERS + REALS + TEXTS + BLOBS + [None])
def test_values_come_back_as_they_were(cursor, value):
    kind = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB", type(None): "TEXT"}[type(value)]
    cursor.execute(f"CREATE TABLE t (v {kind})")
    cursor.execute("INSERT INTO t VALUES(?)", (value,))
    assert cursor.execute("SELECT v FROM t").fetchall() == [(value,)]
    # By name, too, and found by it.
    found = cursor.execute("SELECT COUNT(*) FROM t WHERE v IS :v", {"v": value}).fetchone()
    assert found == (1,)


def test_dates_go_in_as_objects_and_come_out_as_text(cursor):
    day, moment = datetime.date(2004, 2, 14), datetime.datetime(2004, 2, 14, 7, 15, 0, 500)
    cursor.execute("CREATE TABLE t (d DATE, ts TIMESTAMP, b BOOLEAN, t TIME)")
    cursor.execute("INSERT INTO t VALUES(?, ?, ?, ?)", (day, moment, True, datetime.time(7, 15)))
    assert cursor.execute("SELECT * FROM t").fetchone() == (
        "2004-02-14T00:00:00Z", "2004-02-14T07:15:00.0005Z", True, "07:15:00")


# Rows.

def test_rows_are_fetched_one_by_one_many_and_all(products):
    products.executemany(PRODUCT, [(letter, 1.0, 1) for letter in "abcde"])
    products.execute("SELECT id, name FROM products ORDER BY id")
    assert [column[:2] for column in products.description] == [("id", "integer"), ("name", "text")]
    assert products.fetchone() == (1, "a")
    assert products.fetchmany(2) == [(2, "b"), (3, "c")]
    assert list(products) == [(4, "d"), (5, "e")]


def test_a_large_result_arrives_whole(cursor):
    assert len(cursor.execute(ROWS).fetchall()) == MANY


def test_returning_and_introspection(products):
    products.execute(PRODUCT + " RETURNING id, name", ("a", 1, 1))
    assert products.fetchall() == [(1, "a")]
    products.execute("PRAGMA table_info(products)")
    assert [row[1] for row in products.fetchall()] == ["id", "name", "price", "quantity"]
    products.execute("SELECT name FROM sqlite_master WHERE type='table'")
    assert products.fetchall() == [("products",)]


# Transactions: the client's own, of which only a batch reaches the node.

def test_a_batch_is_stored_whole_or_not_at_all(products, connection):
    results = connection._execute_batch([(PRODUCT, ("a", 1, 1)), (PRODUCT, ("a", 2, 2))], transaction=True)
    assert results == [{"last_insert_id": 1, "rows_affected": 1},
                       {"error": "UNIQUE constraint failed: products.name"}]
    assert count(products) == 0
    connection._execute_batch([(PRODUCT, ("a", 1, 1)), (PRODUCT, ("b", 2, 2))], transaction=True)
    assert count(products) == 2


def test_without_a_transaction_the_others_are_stored(products, connection):
    connection._execute_batch([(PRODUCT, ("a", 1, 1)), (PRODUCT, ("a", 2, 2)), (PRODUCT, ("c", 3, 3))])
    assert count(products) == 2


# Errors.

@pytest.mark.parametrize("sql, error, message", [
    ("SELECT * FROM nowhere", rqlite.ProgrammingError, "no such table: nowhere"),
    ("INSERT INTO nowhere VALUES(1)", rqlite.ProgrammingError, "no such table: nowhere"),
    ("SELECT bogus bogus bogus", rqlite.DatabaseError, "syntax error"),
    ("INSERT INTO products(price) VALUES(1)", rqlite.IntegrityError, "NOT NULL constraint failed"),
])
def test_what_sqlite_says_reaches_the_caller(products, sql, error, message):
    with pytest.raises(error, match=message):
        products.execute(sql)


def test_too_few_parameters(products):
    with pytest.raises(rqlite.DatabaseError, match="not enough args to execute query: want 3 got 1"):
        products.execute(PRODUCT, ("a",))


# How it is asked.

@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong", "auto"])
def test_every_level_of_consistency_sees_what_was_written(node, level):
    cursor = connect(node, read_consistency=level).cursor()
    cursor.execute(PRODUCTS)
    cursor.execute(PRODUCT, ("a", 1, 1))
    assert count(cursor) == 1


def test_a_statement_that_takes_too_long_times_out(node):
    with pytest.raises(rqlite.OperationalError, match="(?i)timed out"):
        connect(node, timeout=0.02).cursor().execute(SLOW)


def test_nobody_listens():
    connection = rqlite.connect(host=HOST, port=free_ports(1)[0], lock=threading.Lock())
    with pytest.raises(rqlite.OperationalError, match="Request failed"):
        connection.cursor().execute("SELECT 1")


@pytest.mark.parametrize("who", CREDENTIALS[:2], ids=lambda entry: entry["username"])
def test_a_locked_node(locked_node, who):
    # Its reads go to the unified endpoint, which wants the right to write as well. A refusal has no
    # body, and the client then knows no more than that.
    cursor = connect(locked_node, username=who["username"], password=who["password"]).cursor()
    if who["username"] == "mary":
        assert cursor.execute("SELECT name FROM foo").fetchall() == [("fiona",)]
    else:
        with pytest.raises(rqlite.OperationalError, match="Unknown error"):
            cursor.execute("SELECT name FROM foo")


def test_a_locked_node_without_a_password(locked_node):
    with pytest.raises(rqlite.OperationalError, match="Unknown error"):
        connect(locked_node).cursor().execute("SELECT name FROM foo")
