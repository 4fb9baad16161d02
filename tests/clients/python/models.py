"""A small library: authors with a profile each, their books, and tags on the books."""

import enum
from decimal import Decimal

from sqlalchemy import (BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, LargeBinary,
                        Numeric, String, Table, Text, UniqueConstraint)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Genre(enum.Enum):
    NOVEL = "novel"
    POEMS = "poems"


tagged = Table(
    "tagged", Base.metadata,
    Column("book_id", ForeignKey("book.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True))


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    profile: Mapped["Profile"] = relationship(back_populates="author", cascade="all, delete-orphan")
    books: Mapped[list["Book"]] = relationship(
        back_populates="author", cascade="all, delete-orphan", order_by="Book.id")


class Profile(Base):
    __tablename__ = "profile"
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"), primary_key=True)
    about: Mapped[str] = mapped_column(Text)
    author: Mapped[Author] = relationship(back_populates="profile")


class Book(Base):
    __tablename__ = "book"
    __table_args__ = (
        UniqueConstraint("author_id", "title", name="one_title"),
        CheckConstraint("pages > 0", name="some_pages"),
        Index("book_by_pages", "pages"))
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    title: Mapped[str]
    pages: Mapped[int] = mapped_column(default=1)
    genre: Mapped[Genre] = mapped_column(default=Genre.NOVEL)
    isbn: Mapped[int | None] = mapped_column(BigInteger)
    rating: Mapped[float | None] = mapped_column(Float)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    cover: Mapped[bytes | None] = mapped_column(LargeBinary)
    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[list["Tag"]] = relationship(secondary=tagged, order_by="Tag.name")


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
