"""Random requests have the answers that SQLite and the API's documentation ask for, byte for byte.

RQLITE_ORACLE_STATEMENTS sets how many statements, RQLITE_ORACLE_SEED the first history's seed.
"""

import json
import os
import random
import sqlite3

import sqlite_library
from random_sql import SCHEMA, TABLES, RandomSql
from results_model import Model
from sqlite_library import Text

STATEMENTS = int(os.environ.get("RQLITE_ORACLE_STATEMENTS", 1200))
SEED = int(os.environ.get("RQLITE_ORACLE_SEED", 1))
IN_A_HISTORY = 600
FLAGS = ("associative", "blob_array", "qualify_columns", "transaction")


def as_sent(value):
    """A parameter as JSON has it."""
    return list(value) if isinstance(value, bytes) else value


def as_bound(value):
    return Text(value.encode()) if isinstance(value, str) else value


class History:
    """Requests that follow from a seed, to a node and to a model."""

    def __init__(self, client, seed, path):
        self.client, self.random = client, random.Random(seed)
        self.sql = RandomSql(self.random)
        self.model = Model(path)
        self.seed, self.statements = seed, 0
        client.must(*SCHEMA)
        for sql in SCHEMA:
            self.model.database.run(sql)

    def step(self):
        endpoint = self.random.choice(["execute", "request", "query"])
        flags = [flag for flag in FLAGS if self.random.random() < 0.3]
        statements = [self.sql.statement(endpoint) for _ in range(self.random.randrange(1, 5))]
        self.statements += len(statements)
        body = json.dumps([[sql, *map(as_sent, values)] for sql, values in statements],
                          ensure_ascii=self.random.random() < 0.5)
        expected = self.model.answer(
            endpoint, [(sql, [as_bound(each) for each in values]) for sql, values in statements],
            flags)
        reply = getattr(self.client, endpoint)(body, *flags)
        assert (reply.status, reply.text) == expected, (
            f"seed {self.seed}, at statement {self.statements}: {endpoint} {flags}\n{body}\n"
            f"answered {reply.status}: {reply.text}\nexpected {expected[0]}: {expected[1]}")

    def compare_contents(self):
        for table in TABLES:
            sql = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
            reply = self.client.query([sql], "blob_array")
            assert (reply.status, reply.text) == self.model.answer(
                "query", [(sql, [])], ["blob_array"]), f"seed {self.seed}: {table}"


def test_the_library_is_the_servers(client):
    assert client.status("store.sqlite3.version") == sqlite_library.version
    assert sqlite3.sqlite_version == sqlite_library.version


def test_random_requests_are_answered_as_sqlite_has_it(start_node, home):
    left, seed = STATEMENTS, SEED
    while left > 0:
        print(f"seed {seed}")
        node = start_node()
        history = History(node.client, seed, home / f"{seed}.db")
        while left > 0 and history.statements < IN_A_HISTORY:
            before = history.statements
            history.step()
            left -= history.statements - before
        # What a restart replays comes to the same.
        node.kill()
        node.start()
        history.client = node.client
        history.compare_contents()
        history.model.close()
        node.kill()
        seed += 1
