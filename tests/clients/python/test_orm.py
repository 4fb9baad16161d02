"""SQLAlchemy over both dialects for rqlite: what an application does with its ORM.

Neither dialect has transactions: a statement is committed as it comes, and a rollback undoes none.
"""

from decimal import Decimal

import pytest
from sqlalchemy import (Column, ForeignKey, Integer, MetaData, String, Table, create_engine, delete,
                        exc, func, insert, inspect, select, text, update)
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

import rqlite
from models import Author, Base, Book, Genre, Profile, Tag
from nodes import CREDENTIALS, HOST, free_ports
from samples import INTEGERS, MANY, ROWS, TEXTS


def sqlalchemy_rqlite(address):
    return create_engine(f"rqlite+pyrqlite://{address}/")


def tangled(address):
    return create_engine(f"rqlite://{address}", connect_args={"lock": rqlite.ThreadLock()})


DIALECTS = [sqlalchemy_rqlite, tangled]


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.__name__)
def dialect(request):
    return request.param


@pytest.fixture
def engine(dialect, node):
    engine = dialect(node.address)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine):
    with Session(engine) as session:
        yield session


def poe():
    return Author(
        name="Edgar Allan Poe", profile=Profile(about="born in Boston"),
        books=[Book(title="The Raven", pages=12, genre=Genre.POEMS, tags=[Tag(name="birds")]),
               Book(title="Ligeia", pages=30, rating=4.5)])


@pytest.fixture
def library(session):
    session.add_all([poe(), Author(name="Sappho", active=False), Author(name="Homer", books=[
        Book(title="Iliad", pages=700), Book(title="Odyssey", pages=500)])])
    session.commit()
    return session


# Tables.

def test_tables_are_created_once_and_dropped(engine):
    Base.metadata.create_all(engine)  # sees that they are there
    inspector = inspect(engine)
    assert inspector.get_table_names() == sorted(Base.metadata.tables)
    assert inspector.has_table("book") and not inspector.has_table("nowhere")
    Base.metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == []


def test_what_inspection_tells_of_a_table(engine):
    inspector = inspect(engine)
    assert inspector.get_foreign_keys("book")[0]["referred_table"] == "author"
    assert inspector.get_foreign_keys("book")[0]["constrained_columns"] == ["author_id"]
    assert [(index["name"], index["column_names"]) for index in inspector.get_indexes("book")] == [
        ("book_by_pages", ["pages"])]
    assert [(unique["name"], unique["column_names"]) for unique in
            inspector.get_unique_constraints("book")] == [("one_title", ["author_id", "title"])]
    assert inspector.get_check_constraints("book")[0]["sqltext"] == "pages > 0"


def test_the_schema_by_pragma_and_by_sqlite_master(session):
    columns = session.execute(text("PRAGMA table_info(author)")).all()
    assert [(column[1], column[2]) for column in columns] == [
        ("id", "INTEGER"), ("name", "VARCHAR(80)"), ("active", "BOOLEAN")]
    names = session.execute(text("SELECT name FROM sqlite_master WHERE type='index' AND sql NOT NULL"))
    assert names.scalars().all() == ["book_by_pages"]
    indexes = session.execute(text("PRAGMA index_list(book)")).all()
    assert sorted(index[1] for index in indexes) == ["book_by_pages", "sqlite_autoindex_book_1"]


def test_an_index_that_was_just_made_is_seen(engine):
    # The question is asked before, too, on the same connection of the node.
    table = Table("later", MetaData(), Column("a", Integer, primary_key=True), Column("b", Integer))
    assert not inspect(engine).has_table("later")
    with engine.begin() as connection:
        connection.execute(text("PRAGMA index_list(later)")).all()
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE INDEX later_by_b ON later(b)"))
    assert [index["name"] for index in inspect(engine).get_indexes("later")] == ["later_by_b"]


# Objects.

def test_objects_and_their_relations_come_back(library):
    library.expunge_all()
    author = library.scalars(select(Author).where(Author.name == "Edgar Allan Poe")).one()
    assert author.active is True
    assert author.profile.about == "born in Boston"
    assert [book.title for book in author.books] == ["The Raven", "Ligeia"]
    assert author.books[0].genre is Genre.POEMS
    assert [tag.name for tag in author.books[0].tags] == ["birds"]
    assert author.books[1].rating == 4.5 and author.books[0].rating is None


def test_relations_are_loaded_with_the_first_query(library):
    library.expunge_all()
    joined = library.scalars(select(Author).options(joinedload(Author.books)).order_by(Author.id)).unique().all()
    assert [len(author.books) for author in joined] == [2, 0, 2]
    library.expunge_all()
    selected = library.scalars(select(Author).options(selectinload(Author.books).selectinload(Book.tags)))
    assert [len(author.books) for author in selected] == [2, 0, 2]


def test_a_deleted_author_takes_books_and_profile_along(library):
    library.delete(library.scalars(select(Author).where(Author.name == "Edgar Allan Poe")).one())
    library.commit()
    assert library.scalar(select(func.count()).select_from(Book)) == 2
    assert library.scalar(select(func.count()).select_from(Profile)) == 0


def test_changes_of_objects_are_stored(library, engine):
    author = library.scalars(select(Author).where(Author.name == "Homer")).one()
    author.name = "Ὅμηρος"
    author.books.pop()
    author.books[0].tags.append(Tag(name="war"))
    library.commit()
    with Session(engine) as other:
        author = other.scalars(select(Author).where(Author.name == "Ὅμηρος")).one()
        assert [(book.title, [tag.name for tag in book.tags]) for book in author.books] == [
            ("Iliad", ["war"])]


# Values.

@pytest.mark.parametrize("value", INTEGERS)
def test_big_integers(session, value):
    session.add(Author(name="a", books=[Book(title="b", isbn=value)]))
    session.commit()
    session.expire_all()
    assert session.scalar(select(Book.isbn)) == value


@pytest.mark.parametrize("value", TEXTS)
def test_texts(session, value):
    session.add(Author(name=value))
    session.commit()
    assert session.scalars(select(Author.name)).all() == [value]
    assert session.scalar(select(func.count()).where(Author.name == value)) == 1


def test_bytes_and_decimals(session):
    cover = bytes(range(256))
    session.add(Author(name="a", books=[Book(title="b", cover=cover, price=Decimal("12.50"))]))
    session.commit()
    assert session.execute(select(Book.cover, Book.price)).one() == (cover, Decimal("12.50"))


# Queries.

def test_joins_aggregates_and_orders(library):
    pages = select(Author.name, func.count(Book.id), func.sum(Book.pages)).join(Book.author).group_by(
        Author.id).order_by(func.sum(Book.pages).desc())
    assert library.execute(pages).all() == [("Homer", 2, 1200), ("Edgar Allan Poe", 2, 42)]
    longer = aliased(Book)
    shorter = select(Book.title).join(longer, (longer.author_id == Book.author_id) &
                                      (longer.pages > Book.pages)).order_by(Book.title)
    assert library.scalars(shorter).all() == ["Odyssey", "The Raven"]


@pytest.mark.parametrize("condition, titles", [
    (lambda: Book.title.in_(["Iliad", "Ligeia"]), ["Iliad", "Ligeia"]),
    (lambda: Book.title.like("%e%"), ["Ligeia", "Odyssey", "The Raven"]),
    (lambda: Book.pages.between(12, 500), ["Ligeia", "Odyssey", "The Raven"]),
    (lambda: Book.rating.is_(None), ["Iliad", "Odyssey", "The Raven"]),
    (lambda: Book.author.has(Author.name == "Homer"), ["Iliad", "Odyssey"]),
    (lambda: Book.tags.any(Tag.name == "birds"), ["The Raven"]),
    (lambda: Book.genre == Genre.POEMS, ["The Raven"]),
])
def test_conditions(library, condition, titles):
    assert library.scalars(select(Book.title).where(condition()).order_by(Book.title)).all() == titles


def test_limit_offset_exists_and_union(library):
    by_title = select(Book.title).order_by(Book.title)
    assert library.scalars(by_title.limit(2).offset(1)).all() == ["Ligeia", "Odyssey"]
    assert library.scalars(select(Author.name).where(~Author.books.any())).all() == ["Sappho"]
    both = select(Author.name).where(Author.active).union(select(Tag.name))
    assert sorted(library.scalars(both)) == ["Edgar Allan Poe", "Homer", "birds"]


def test_text_with_parameters_by_name(library):
    found = library.execute(text("SELECT title, pages FROM book WHERE pages > :least ORDER BY id"),
                            {"least": 100})
    assert [(row.title, row.pages) for row in found] == [("Iliad", 700), ("Odyssey", 500)]


def test_a_large_result_arrives_whole(session):
    assert len(session.execute(text(ROWS)).all()) == MANY


# Statements.

def test_bulk_insert_update_and_delete(session):
    session.execute(insert(Tag), [{"name": f"tag {n}"} for n in range(200)])
    session.execute(update(Tag).where(Tag.id <= 50).values(name="old"))
    session.execute(delete(Tag).where(Tag.id > 150))
    session.commit()
    assert session.scalar(select(func.count()).where(Tag.name == "old")) == 50
    assert session.scalar(select(func.count()).select_from(Tag)) == 150


def test_how_many_rows_changed(library):
    with library.connection() as connection:
        assert connection.execute(update(Book).values(pages=Book.pages + 1)).rowcount == 4
        assert connection.execute(delete(Book).where(Book.title == "nothing")).rowcount == 0


def test_a_new_row_tells_its_id(engine):
    with engine.begin() as connection:
        first = connection.execute(insert(Tag).values(name="a"))
        second = connection.execute(insert(Tag).values(name="b"))
        assert (first.inserted_primary_key[0], second.inserted_primary_key[0]) == (1, 2)


# Errors.

@pytest.mark.parametrize("row, message", [
    (lambda: Author(name="Homer"), "UNIQUE constraint failed: author.name"),
    (lambda: Author(name=None), "NOT NULL constraint failed: author.name"),
    (lambda: Book(author_id=1, title="x", pages=0), "CHECK constraint failed: some_pages"),
])
def test_constraints(library, row, message):
    library.add(row())
    with pytest.raises(exc.DBAPIError, match=message):
        library.commit()
    library.rollback()
    assert library.scalar(select(func.count()).select_from(Author)) == 3


def test_foreign_keys_are_checked_where_the_node_was_told_to(dialect, strict_node):
    engine = dialect(strict_node.address)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Book(author_id=99, title="of nobody"))
        with pytest.raises(exc.DBAPIError, match="FOREIGN KEY constraint failed"):
            session.commit()
        session.rollback()
        session.add(poe())
        session.commit()
        session.delete(session.scalars(select(Author)).one())  # in an order that the keys allow
        session.commit()
        assert session.scalar(select(func.count()).select_from(Book)) == 0
    # For the other tests, and in an order that the keys allow.
    Base.metadata.drop_all(engine)


def test_nobody_listens(dialect):
    with pytest.raises((exc.DBAPIError, OSError)):
        with dialect(f"{HOST}:{free_ports(1)[0]}").connect() as connection:
            connection.execute(text("SELECT 1"))


def test_the_pool_outlives_a_restart_of_the_node(dialect, own_node):
    engine = dialect(own_node.address)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(poe())
        session.commit()
    own_node.restart()
    with Session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Book)) == 2


def test_a_locked_node(dialect, locked_node):
    mary, eve, _ = CREDENTIALS
    read, write = text("SELECT name FROM foo"), text("INSERT INTO foo(name) VALUES('x')")
    with dialect(f"{mary['username']}:{mary['password']}@{locked_node.address}").connect() as connection:
        connection.execute(write)
        assert connection.execute(read).scalars().all() == ["fiona", "x"]
    with pytest.raises((exc.DBAPIError, ValueError)):
        with dialect(f"{mary['username']}:wrong@{locked_node.address}").connect() as connection:
            connection.execute(read)
