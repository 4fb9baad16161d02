"""What each of the two SQLAlchemy dialects does in its own way, its faults included.

The faults are the clients': the node answers as the API says. A test of one says so in its name,
and fails when a new version of the client mends it.
"""

import binascii
import datetime

import pytest
from sqlalchemy import (JSON, Column, Date, DateTime, Integer, MetaData, Table, create_engine, exc, insert,
                        inspect, select, text)
from sqlalchemy.orm import Session

import rqlite
from models import Author, Base, Tag
from samples import INTEGERS

DAY = datetime.date(2004, 2, 14)
MOMENT = datetime.datetime(2004, 2, 14, 7, 15, 0, 250000)

event = Table("event", MetaData(), Column("id", Integer, primary_key=True), Column("day", Date),
              Column("moment", DateTime), Column("extra", JSON))


@pytest.fixture
def pyrqlite(node):
    engine = create_engine(f"rqlite+pyrqlite://{node.address}/")
    event.create(engine)
    return engine


@pytest.fixture
def tangled(node):
    engine = create_engine(f"rqlite://{node.address}", connect_args={"lock": rqlite.ThreadLock()})
    event.create(engine)
    return engine


def store(engine, **values):
    with engine.begin() as connection:
        connection.execute(insert(event).values(**values))


def load(engine, column):
    with engine.connect() as connection:
        return connection.execute(select(event.c[column])).scalar_one()


# sqlalchemy-rqlite

def test_pyrqlite_moments(pyrqlite):
    store(pyrqlite, moment=MOMENT)
    assert load(pyrqlite, "moment") == MOMENT


def test_pyrqlite_makes_dates_that_its_dialect_takes_for_text(pyrqlite):
    store(pyrqlite, day=DAY)
    with pytest.raises(TypeError, match="fromisoformat"):
        load(pyrqlite, "day")
    with pyrqlite.connect() as connection:
        assert connection.execute(text("SELECT day FROM event")).scalar_one() == DAY


def test_pyrqlite_takes_json_for_base64(pyrqlite):
    store(pyrqlite, extra={"a": [1, 2]})
    with pytest.raises(binascii.Error):
        load(pyrqlite, "extra")
    with pyrqlite.connect() as connection:
        assert connection.execute(text("SELECT extra || '' FROM event")).scalar_one() == '{"a": [1, 2]}'


def test_pyrqlite_cannot_list_columns_for_it_knows_no_version(pyrqlite):
    with pytest.raises(TypeError):
        inspect(pyrqlite).get_columns("event")


def test_pyrqlite_options_of_the_url(node):
    engine = create_engine(f"rqlite+pyrqlite://{node.address}/?detect_types=1&max_redirects=0")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


# tangled-pyrqlite

def test_tangled_moments_are_of_utc(tangled):
    store(tangled, moment=MOMENT)
    assert load(tangled, "moment") == MOMENT.replace(tzinfo=datetime.timezone.utc)


def test_tangled_takes_a_date_for_a_day_alone(tangled):
    store(tangled, day=DAY)
    with pytest.raises(ValueError, match="2004-02-14T00:00:00Z"):
        load(tangled, "day")


def test_tangled_json(tangled):
    store(tangled, extra={"a": [1, 2, None, "ü"]})
    assert load(tangled, "extra") == {"a": [1, 2, None, "ü"]}


def test_tangled_lists_columns_and_keys(tangled):
    inspector = inspect(tangled)
    assert [(column["name"], column["nullable"]) for column in inspector.get_columns("event")] == [
        ("id", False), ("day", True), ("moment", True), ("extra", True)]
    assert inspector.get_pk_constraint("event")["constrained_columns"] == ["id"]


def test_tangled_reflects_tables(tangled):
    Base.metadata.create_all(tangled)
    reflected = MetaData()
    reflected.reflect(tangled)
    assert set(reflected.tables) == set(Base.metadata.tables) | {"event"}
    book = reflected.tables["book"]
    assert [key.target_fullname for key in book.c.author_id.foreign_keys] == ["author.id"]
    assert [index.name for index in book.indexes] == ["book_by_pages"]


@pytest.mark.parametrize("level", ["none", "weak", "linearizable", "strong", "auto"])
def test_tangled_levels_of_consistency(node, level):
    engine = create_engine(f"rqlite://{node.address}?read_consistency={level}",
                           connect_args={"lock": rqlite.ThreadLock()})
    event.create(engine)
    store(engine, id=INTEGERS[-1])
    assert load(engine, "id") == INTEGERS[-1]


# Both

@pytest.mark.parametrize("name", ["pyrqlite", "tangled"])
def test_a_rollback_undoes_nothing(request, name):
    # Each statement is a request of its own, so it is committed when it is answered.
    engine = request.getfixturevalue(name)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Tag(name="kept"))
        session.flush()
        session.rollback()
        assert session.scalars(select(Tag.name)).all() == ["kept"]


@pytest.mark.parametrize("name, error", [("pyrqlite", exc.DBAPIError), ("tangled", exc.IntegrityError)])
def test_a_violated_constraint(request, name, error):
    engine = request.getfixturevalue(name)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Author(name="a"), Author(name="a")])
        with pytest.raises(error, match="UNIQUE constraint failed"):
            session.commit()
