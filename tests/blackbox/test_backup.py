"""GET /db/backup: one moment of the database, while writes go on."""

import gzip
import os
import socket
import sqlite3
import time

import pytest

from node import eventually

SQLITE = "application/octet-stream"
BULK = ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {}) "
        "INSERT INTO crew(name) SELECT hex(randomblob(100)) FROM n")


@pytest.fixture
def crew(client):
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)")
    client.must("INSERT INTO crew(name) VALUES('mira'), ('odo')")
    return client


def backup(client, query=""):
    return client.send("GET", "/db/backup" + query)


def opened(home, reply):
    path = home / "backup.sqlite"
    path.write_bytes(reply.body)
    return sqlite3.connect(path)


def names(database):
    return [name for name, in database.execute("SELECT name FROM crew ORDER BY id")]


@pytest.mark.parametrize("query, journal_mode, versions", [
    ("", "wal", b"\x02\x02"),
    ("?fmt=binary", "wal", b"\x02\x02"),
    ("?fmt=nonsense", "wal", b"\x02\x02"),
    ("?fmt=DELETE", "delete", b"\x01\x01"),
    ("?vacuum", "delete", b"\x01\x01"),
    ("?fmt=Binary&fmt=sql", "wal", b"\x02\x02"),
    ("?noleader", "wal", b"\x02\x02"),
    ("?tables=nope", "wal", b"\x02\x02"),
])
def test_a_file_has_everything_that_was_acknowledged(crew, home, query, journal_mode, versions):
    reply = backup(crew, query)
    assert (reply.status, reply.headers["Content-Type"]) == (200, SQLITE)
    for header in ("Content-Disposition", "Content-Encoding", "X-Rqlite-Served-By"):
        assert header not in reply.headers
    assert reply.body[18:20] == versions
    with opened(home, reply) as database:
        assert names(database) == ["mira", "odo"]
        assert database.execute("PRAGMA journal_mode").fetchone() == (journal_mode,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # Nothing of the server's own is in it.
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("crew",)]


def test_sql_is_what_makes_the_database_again(crew):
    reply = backup(crew, "?fmt=SQL")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/sql")
    for header in ("Content-Disposition", "Content-Encoding", "X-Rqlite-Served-By"):
        assert header not in reply.headers
    assert reply.text == ("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
                          "CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT);\n"
                          "INSERT INTO \"crew\" VALUES(1,'mira');\n"
                          "INSERT INTO \"crew\" VALUES(2,'odo');\nCOMMIT;\n")


def test_sql_of_an_empty_table(client):
    client.must("CREATE TABLE crew (name text)")
    assert backup(client, "?fmt=sql").text == (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE crew (name text);\nCOMMIT;\n")


def test_sql_of_nothing(client):
    assert backup(client, "?fmt=sql").text == (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCOMMIT;\n")


def test_sql_has_tables_by_name_and_then_all_else(client):
    others = ["CREATE VIEW some AS SELECT a FROM \"it's\"", "CREATE INDEX by_x ON a(x)",
              "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END"]
    client.must("CREATE TABLE \"it's\" (a INTEGER PRIMARY KEY AUTOINCREMENT, \"b\"\"b\")",
                "CREATE TABLE a(x REAL, y BLOB)", *others,
                "INSERT INTO \"it's\" VALUES(7, 'it''s')",
                "INSERT INTO a VALUES(1.5, x'00ff'), (NULL, 'x')", "ANALYZE")
    head = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
    a = ("CREATE TABLE a(x REAL, y BLOB);\n"
         "INSERT INTO \"a\" VALUES(1.5,X'00FF');\n"
         "INSERT INTO \"a\" VALUES(NULL,'x');\n")
    rest = "".join(sql + ";\n" for sql in others) + "COMMIT;\n"
    assert backup(client, "?fmt=sql").text == head + a + (
        "CREATE TABLE \"it's\" (a INTEGER PRIMARY KEY AUTOINCREMENT, \"b\"\"b\");\n"
        "INSERT INTO \"it's\" VALUES(7,'it''s');\n"
        "DELETE FROM \"sqlite_sequence\";;\n"
        "INSERT INTO \"sqlite_sequence\" VALUES('it''s',7);\n"
        "ANALYZE \"sqlite_master\";;\n"
        "INSERT INTO \"sqlite_stat1\" VALUES('a','by_x','2 1');\n"
        "INSERT INTO \"sqlite_stat1\" VALUES('it''s',NULL,'1');\n") + rest
    # Names choose tables; what stands behind them is not chosen.
    assert backup(client, "?fmt=sql&tables=a").text == head + a + rest


def test_sql_has_rows_where_they_belong_and_the_rest_behind(client):
    client.must("CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, v, g AS (id + 1))",
                "CREATE INDEX by_v ON b(v)", 'CREATE TABLE "A ""one"""(x UNIQUE)',
                "CREATE VIEW w AS SELECT 1",
                "CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END",
                "INSERT INTO b(v) VALUES('it''s'), (x'00ff'), (NULL), (1.0), (9e999), ('a' || char(10))",
                'INSERT INTO "A ""one""" VALUES(1)', "ANALYZE b")
    whole = backup(client, "?fmt=sql").text
    assert whole == (
        'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n'
        'CREATE TABLE "A ""one"""(x UNIQUE);\nINSERT INTO "A ""one""" VALUES(1);\n'
        "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, v, g AS (id + 1));\n"
        "INSERT INTO \"b\" VALUES(1,'it''s');\nINSERT INTO \"b\" VALUES(2,X'00FF');\n"
        'INSERT INTO "b" VALUES(3,NULL);\nINSERT INTO "b" VALUES(4,1.0);\n'
        'INSERT INTO "b" VALUES(5,9.0e+999);\nINSERT INTO "b" VALUES(6,\'a\n\');\n'
        'DELETE FROM "sqlite_sequence";;\nINSERT INTO "sqlite_sequence" VALUES(\'b\',6);\n'
        'ANALYZE "sqlite_master";;\nINSERT INTO "sqlite_stat1" VALUES(\'b\',\'by_v\',\'6 1\');\n'
        "CREATE INDEX by_v ON b(v);\nCREATE VIEW w AS SELECT 1;\n"
        "CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END;\nCOMMIT;\n")


@pytest.mark.parametrize("tables, found", [
    ("crew", ["crew"]), (" crew , ,berths", ["berths", "crew"]), (",", ["berths", "crew"]),
    ("nope", []), ("CREW", []),
])
def test_sql_of_some_tables(crew, tables, found):
    crew.must("CREATE TABLE berths(id)")
    reply = backup(crew, "?fmt=sql&tables=" + tables.replace(" ", "%20"))
    with sqlite3.connect(":memory:") as database:
        database.executescript(reply.text)
        assert [name for name, in database.execute("SELECT name FROM sqlite_master ORDER BY 1")] \
            == found


@pytest.mark.parametrize("query", ["?compress", "?fmt=sql&compress", "?vacuum&compress"])
def test_compressed_is_the_same(crew, query):
    plain = backup(crew, query.replace("compress", ""))
    packed = backup(crew, query)
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    assert "Content-Encoding" not in packed.headers
    if "vacuum" in query:  # each is a file of its own
        assert len(gzip.decompress(packed.body)) == len(plain.body)
    else:
        assert gzip.decompress(packed.body) == plain.body


@pytest.mark.parametrize("query", ["?fmt=sql&vacuum", "?fmt=delete&vacuum"])
def test_only_a_binary_file_can_be_vacuumed(crew, query):
    reply = backup(crew, query)
    assert (reply.status, reply.text) == (400, "invalid backup format\n")


def test_a_vacuumed_file_has_no_gaps(crew):
    crew.must(BULK.format(5000), "DELETE FROM crew WHERE id > 2")
    assert len(backup(crew, "?vacuum").body) < 20_000 < len(backup(crew).body)


class SlowReader:
    """Asks for something large and takes little of it."""

    def __init__(self, node, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", node.port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert self.socket.recv(12) == b"HTTP/1.1 200"

    def rest(self):
        parts = []
        while True:
            part = self.socket.recv(1 << 20)
            parts.append(part)
            if not part or b"".join(parts[-2:]).endswith(b"\r\n0\r\n\r\n"):
                return b"".join(parts)


@pytest.mark.parametrize("query", ["", "?fmt=sql", "?vacuum"])
def test_writes_go_on_while_a_backup_is_read_slowly(node, query):
    client = node.client
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)", BULK.format(60_000))
    reader = SlowReader(node, "/db/backup" + query)
    for n in range(200):
        client.must(f"INSERT INTO crew(name) VALUES('late {n}')")
    # A snapshot has to wait, and says so, while the main file is read.
    snapshot = client.send("POST", "/snapshot")
    if query == "":
        assert (snapshot.status, snapshot.text) == (500, "snapshot: a backup is being read\n")
    rest = reader.rest()
    assert b"late" not in rest and len(rest) > 10_000_000
    reader.socket.close()
    assert eventually(lambda: client.send("POST", "/snapshot").status in (200, 204))
    assert client.value("SELECT count(*) FROM crew") == 60_200


def test_a_client_that_goes_away_leaves_nothing_behind(node):
    client = node.client
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)", BULK.format(60_000))
    for query in ("", "?vacuum", "?fmt=sql"):
        SlowReader(node, "/db/backup" + query).socket.close()
    eventually(lambda: client.status("store.sqlite3.conn_pool_stats.ro.in_use") == 0)
    assert not list((node.data / "scratch").iterdir())
    client.must("INSERT INTO crew(name) VALUES('after')")
    assert len(backup(client).body) > 10_000_000


def test_a_backup_that_fails_half_way_breaks_off(node):
    client = node.client
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)", BULK.format(60_000))
    reader = SlowReader(node, "/db/backup")
    main = client.status("store.sqlite3.path")
    size = os.path.getsize(main)
    os.truncate(main, size // 2)
    # Nobody takes for whole what has no last chunk, and no text of ours ends up in a file.
    rest = reader.rest()
    assert 0 < len(rest) < size and not rest.endswith(b"\r\n0\r\n\r\n")
    assert b"ended early" not in rest
    assert client.status("last_backup_time") == {}


def test_two_backups_at_once(node, home):
    client = node.client
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)", BULK.format(60_000))
    first = SlowReader(node, "/db/backup")
    client.must("INSERT INTO crew(name) VALUES('between')")
    began = time.monotonic()
    second = node.new_client(timeout=60)
    reply = backup(second)
    assert (reply.status, reply.text) == \
        (500, "pre-backup snapshot failed: another backup is being read\n")
    assert 5 < time.monotonic() - began < 30
    first.socket.close()
    with opened(home, backup(second)) as database:
        assert names(database)[-1] == "between"


def test_what_a_crash_left_half_made_is_gone_after_a_restart(node):
    node.client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)")
    node.kill()
    (node.data / "scratch" / "7").write_bytes(b"half a copy")
    node.start()
    assert not list((node.data / "scratch").iterdir())
