"""Random requests have the answers that SQLite and the API's documentation ask for, byte for byte.

RQLITE_ORACLE_STATEMENTS sets how many statements, RQLITE_ORACLE_SEED the first history's seed.
"""

import json
import os
import random
import re
import sqlite3

import sqlite_library
from client import target
from random_sql import SCHEMA, TABLES, RandomSql
from request_model import CONTROL, Model, keyword
from sqlite_library import Text

STATEMENTS = int(os.environ.get("RQLITE_ORACLE_STATEMENTS", 1200))
SEED = int(os.environ.get("RQLITE_ORACLE_SEED", 1))
IN_A_HISTORY = 600
FLAGS = ("associative", "blob_array", "qualify_columns", "transaction")


LEVELS = ("none", "weak", "linearizable", "strong")


def as_sent(values):
    """Parameters as JSON has them, behind their statement."""
    def one(value):
        return list(value) if isinstance(value, bytes) else value
    if isinstance(values, dict):
        return [{name: one(value) for name, value in values.items()}]
    return list(map(one, values))


def as_bound(values):
    def one(value):
        return Text(value.encode()) if isinstance(value, str) else value
    if isinstance(values, dict):
        return {name: one(value) for name, value in values.items()}
    return list(map(one, values))


class History:
    """Requests that follow from a seed, to a node and to a model."""

    def __init__(self, client, seed, path):
        self.client, self.random = client, random.Random(seed)
        self.sql = RandomSql(self.random)
        self.model = Model(path)
        self.seed, self.statements, self.keys = seed, 0, 0
        client.must(*SCHEMA)
        for sql in SCHEMA:
            self.model.database.run(sql)

    def chance(self, probability):
        return self.random.random() < probability

    def step(self):
        endpoint = self.random.choice(["execute", "request", "query"])
        flags = [flag for flag in FLAGS if self.chance(0.3)]
        statements = [self.sql.statement(endpoint) for _ in range(self.random.randrange(1, 5))]
        if self.chance(0.1):
            statements = [(self.sql.control(), []), *statements, (self.sql.control(), [])]
        elif self.chance(0.05):
            statements.insert(self.random.randrange(len(statements)), (self.sql.control(), []))
        self.statements += len(statements)
        body = json.dumps([[sql, *as_sent(values)] for sql, values in statements],
                          ensure_ascii=self.chance(0.5))
        expected = self.model.answer(
            endpoint, [(sql, as_bound(values)) for sql, values in statements], flags)
        for answer in self.ask(endpoint, statements, body, flags):
            assert answer == expected, (
                f"seed {self.seed}, at statement {self.statements}: {endpoint} {flags}\n{body}\n"
                f"answered {answer[0]}: {answer[1]}\nexpected {expected[0]}: {expected[1]}")

    def ask(self, endpoint, statements, body, flags):
        """Status and text, by one of the ways that have to come to the same."""
        way = self.random.random()
        send = getattr(self.client, endpoint)
        if endpoint == "query":
            reply = send(body, *flags, level=self.random.choice(LEVELS))
        elif way < 0.1 and all(";" not in sql and keyword(sql) not in CONTROL for sql, _ in statements):
            reply = send(body, *flags, db_timeout="1h")
        elif way < 0.2 and endpoint == "execute":
            reply = self.client.queue(body, "wait", "results", *flags)
        elif way < 0.3:
            # The second time it is not executed.
            self.keys += 1
            for _ in range(2):
                reply = self.client.send("POST", target(f"/db/{endpoint}", flags), body,
                                         {"Idempotency-Key": f"{self.seed}-{self.keys}"})
                yield reply.status, reply.text
            return
        else:
            reply = send(body, *flags)
        yield reply.status, re.sub(r',"sequence_number":\d+\}$', "}", reply.text)

    def compare_contents(self):
        for table in TABLES:
            sql = f"SELECT * FROM {table} ORDER BY {', '.join(TABLES[table])}"
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
