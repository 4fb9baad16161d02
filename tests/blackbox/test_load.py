"""POST /db/load and /boot: another database takes this one's place."""

import os
import random
import sqlite3
import threading

import pytest

from node import eventually

# For a look at what a large one costs; CI loads a small one.
MEBIBYTES = int(os.environ.get("LOAD_MEBIBYTES", 48))
HEAD = 100  # of a database file


@pytest.fixture
def crew(client):
    client.must("CREATE TABLE crew(id INTEGER PRIMARY KEY, name TEXT)",
                "INSERT INTO crew(name) VALUES('mira'), ('odo')")
    return client


def database(home, *statements, journal_mode="delete", page_size=4096):
    path = home / f"made-{random.getrandbits(40)}.sqlite"
    made = sqlite3.connect(path)
    made.execute(f"PRAGMA page_size={page_size}")
    made.execute(f"PRAGMA journal_mode={journal_mode}")
    for each in statements or ("CREATE TABLE berths(id INTEGER PRIMARY KEY, deck)",
                               "INSERT INTO berths(deck) VALUES(1), (2)"):
        made.execute(each)
    made.commit()
    made.close()  # which copies a WAL into the file
    return path.read_bytes()


def load(client, body, *flags, **headers):
    return client.send("POST", "/db/load" + ("?" + "&".join(flags) if flags else ""), body, headers)


def boot(client, body):
    return client.send("POST", "/boot", body)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_a_file_takes_the_place_of_everything(node, crew, home, journal_mode, page_size):
    reply = load(crew, database(home, journal_mode=journal_mode, page_size=page_size))
    assert (reply.status, reply.text) == (200, '{"results":[]}')
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Rqlite-Served-By"] == node.address
    assert crew.rows("SELECT * FROM berths") == [[1, 1], [2, 2]]
    assert crew.query(["SELECT * FROM crew"]).results == [{"error": "no such table: crew"}]
    # Counters begin again.
    assert crew.execute(["CREATE TABLE t(x)"]).results == [{}]
    assert crew.value("PRAGMA journal_mode") == "wal"
    crew.must("INSERT INTO berths(deck) VALUES(3)")
    node.kill()
    node.start()
    assert node.client.column("SELECT deck FROM berths ORDER BY id") == [1, 2, 3]
    assert not list((node.data / "aside").iterdir()) and not list((node.data / "scratch").iterdir())


def test_boot_is_the_same_with_answers_of_its_own(crew, home):
    reply = boot(crew, database(home))
    assert (reply.status, reply.body) == (200, b"")
    assert "Content-Type" not in reply.headers
    assert crew.column("SELECT deck FROM berths") == [1, 2]


@pytest.mark.parametrize("body, status, text", [
    (b"", 503, "EOF\n"), (b"x" * 31, 503, "EOF\n"),
    (b"x" * 32, 400, "invalid SQLite data\n"),
    (b"x" * 3_000_000, 400, "invalid SQLite data\n"),
], ids=["nothing", "little", "enough", "much"])
def test_boot_takes_databases_only(crew, body, status, text):
    reply = boot(crew, body)
    assert (reply.status, reply.text) == (status, text)
    assert crew.column("SELECT name FROM crew") == ["mira", "odo"]


def damaged(whole):
    """What may come of a file on its way, and a word of what is said about it."""
    yield whole[:HEAD], "cut short"
    yield whole[:-1], "cut short"
    yield whole[:len(whole) // 2], ""
    yield whole + b"more", "longer"
    yield whole[:4096] + bytes(len(whole) - 4096), ""
    yield whole[:HEAD] + b"\xff" * 1000 + whole[HEAD + 1000:], ""
    yield whole[:16] + b"\x00\x03" + whole[18:], ""
    yield b"SQLite format 3\x00" + b"garbage" * 1000, ""
    yield b"SQLite format 4 and more of it", ""


@pytest.mark.parametrize("ask", [load, boot])
def test_a_damaged_file_is_refused_and_changes_nothing(crew, home, ask):
    whole = database(home, "CREATE TABLE berths(id INTEGER PRIMARY KEY, deck)",
                     "CREATE INDEX by_deck ON berths(deck)",
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 900) "
                     "INSERT INTO berths(deck) SELECT hex(randomblob(20)) FROM n")
    for body, word in damaged(whole):
        if ask is boot and len(body) < 32:
            continue
        reply = ask(crew, body)
        assert reply.status == 400 and reply.text.startswith("invalid SQLite data: "), reply.text
        assert word in reply.text and reply.text.count("\n") == 1
        assert crew.column("SELECT name FROM crew") == ["mira", "odo"]
    crew.must("INSERT INTO crew(name) VALUES('kim')")
    assert ask(crew, whole).status == 200


def test_sql_text_runs_as_one_statement(crew):
    reply = load(crew, "CREATE TABLE t(x UNIQUE); INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)")
    assert (reply.status, reply.text) == \
        (200, '{"results":[{"last_insert_id":2,"rows_affected":1}]}')
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert crew.column("SELECT x FROM t") == [1, 2]
    assert load(crew, "").text == '{"results":[]}'
    assert load(crew, "SELECT 1", "pretty").text.startswith('{\n    "results"')
    assert load(crew, "INSERT INTO t VALUES(3)", "timings").json["time"] > 0


def test_the_time_of_a_load_is_one(crew, home):
    reply = load(crew, database(home), "timings").json
    assert reply["results"] == [] and 0 <= reply.get("time", 0) < 60


def test_sql_text_without_a_transaction_keeps_what_came_before_its_error(crew):
    reply = load(crew, "INSERT INTO crew(name) VALUES('kim'); INSERT INTO crew(id) VALUES(1); "
                       "INSERT INTO crew(name) VALUES('ben')")
    assert reply.text == '{"results":[{"error":"UNIQUE constraint failed: crew.id"}]}'
    assert crew.column("SELECT name FROM crew") == ["mira", "odo", "kim"]
    assert load(crew, "CREATE TABLE crew(n); -- c").results == [
        {"error": "table crew already exists"}]
    assert load(crew, "DELETE FROM crew RETURNING id").results[0]["values"] == [[1], [2], [3]]


def test_only_the_beginning_tells_a_file_from_text(crew):
    assert load(crew, "SQLite format").results == [{"error": 'near "SQLite": syntax error'}]
    assert load(crew, "sqlite format 3\0").results == [{"error": 'near "sqlite": syntax error'}]
    reply = load(crew, "INSERT INTO crew(name) VALUES('kim')", **{"Content-Type": "application/json"})
    assert reply.results == [{"last_insert_id": 3, "rows_affected": 1}]


def test_only_the_form_of_the_reply_has_parameters(crew, home):
    flags = ("associative", "raft_index", "transaction", "blob_array", "noparse", "queue", "wait")
    assert load(crew, "UPDATE crew SET name='kim' WHERE id=1 RETURNING id, name", *flags).text == (
        '{"results":[{"columns":["id","name"],"types":["integer","text"],"values":[[1,"kim"]]}]}')
    text = "INSERT INTO crew(name) VALUES('ben'); nonsense"
    assert load(crew, text, *flags).results == [{"error": 'near "nonsense": syntax error'}]
    assert crew.column("SELECT name FROM crew") == ["kim", "odo", "ben"]
    reply = load(crew, database(home), "timings", "pretty", *flags)
    assert reply.text.startswith('{\n    "results": [],\n    "time": ')
    assert list(reply.json) == ["results", "time"] and 0 < reply.json["time"] < 30


@pytest.mark.parametrize("text, error", [
    ("BEGIN; INSERT INTO crew(name) VALUES('kim'); INSERT INTO crew(id) VALUES(1); COMMIT",
     "UNIQUE constraint failed: crew.id"),
    ("BEGIN; INSERT INTO crew(name) VALUES('kim'); nonsense; COMMIT",
     'near "nonsense": syntax error'),
])
def test_sql_text_that_fails_leaves_no_transaction_open(crew, text, error):
    assert load(crew, text).results == [{"error": error}]
    assert crew.column("SELECT name FROM crew") == ["mira", "odo"]
    crew.must("INSERT INTO crew(name) VALUES('ben')")


def test_sql_text_may_not_do_what_statements_may_not(crew):
    reply = load(crew, "CREATE TABLE t(x); PRAGMA journal_mode=DELETE")
    assert (reply.status, reply.text) == (200, '{"results":[],"error":"disallowed pragma"}')
    assert crew.query(["SELECT * FROM t"]).results == [{"error": "no such table: t"}]


def test_what_a_backup_wrote_can_be_loaded(crew, start_node):
    crew.must("CREATE INDEX by_name ON crew(name)", "CREATE TABLE odd(a, b)",
              "INSERT INTO odd VALUES(NULL, x'00ff'), (1.5, 'it''s'), (-1, char(10, 955))")
    other = start_node().client
    for query in ("", "?fmt=delete", "?vacuum", "?fmt=sql"):
        loaded = load(other, crew.send("GET", "/db/backup" + query).body)
        assert loaded.status == 200 and '"error"' not in loaded.text
        for sql in ("SELECT * FROM crew", "SELECT quote(a), quote(b) FROM odd",
                    "SELECT sql FROM sqlite_master ORDER BY name"):
            assert other.rows(sql) == crew.rows(sql)
        other.must("DROP TABLE crew", "DROP TABLE odd")


def large(home, mebibytes):
    return database(home, "CREATE TABLE bulk(id INTEGER PRIMARY KEY, data)",
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < "
                    f"{mebibytes * 256}) INSERT INTO bulk(data) SELECT randomblob(4000) FROM n")


def test_a_large_file_takes_little_memory_and_writes_go_on(node, crew, home):
    crew.must("CREATE TABLE log(n)")
    body = large(home, MEBIBYTES)
    before = node.peak_mebibytes()
    ended, acknowledged = threading.Event(), []
    writer = node.new_client()

    def write():
        while not ended.is_set():
            reply = writer.execute([["INSERT INTO log VALUES(?)", len(acknowledged)]])
            if "error" in reply.json["results"][0]:  # the table went with the old database
                assert reply.json["results"] == [{"error": "no such table: log"}]
                return
            acknowledged.append(len(acknowledged))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert load(node.new_client(timeout=600), body).text == '{"results":[]}'
    finally:
        ended.set()
        thread.join()
    assert len(acknowledged) > 10
    assert node.peak_mebibytes() - before < 40
    assert node.client.value("SELECT count(*) FROM bulk") == MEBIBYTES * 256
    node.kill()
    node.start()
    assert node.client.value("SELECT count(*) FROM bulk") == MEBIBYTES * 256


def test_a_client_that_goes_away_while_it_sends_leaves_nothing_behind(node, crew, home):
    body = large(home, 4)
    connection = node.new_client()._connection
    connection.putrequest("POST", "/db/load")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:len(body) // 2])
    scratch = node.data / "scratch"
    eventually(lambda: list(scratch.iterdir()))
    connection.close()
    eventually(lambda: not list(scratch.iterdir()))
    assert crew.column("SELECT name FROM crew") == ["mira", "odo"]


def test_kill_9_at_any_moment_of_a_load(node, crew, home):
    """Either database, whole, and nothing that was acknowledged to the one that is there lost."""
    seed = int(os.environ.get("LOAD_SEED", random.randrange(1 << 30)))
    print("seed", seed)
    chance = random.Random(seed)
    # Each with a name of its own: whether it replaced the one before can be seen.
    bodies = [database(home, "CREATE TABLE marks(n)", f"CREATE TABLE number{i}(x)",
                       "CREATE TABLE ballast(x)",
                       f"INSERT INTO ballast VALUES(randomblob({3_000_000 * (i % 2 + 1)}))")
              for i in range(12)]
    node.client.must("CREATE TABLE marks(n)")
    number, marks = None, []
    for turn, body in enumerate(bodies):
        loader = node.new_client(timeout=60)
        outcome = []

        def run():
            try:
                outcome.append(load(loader, body))
            except OSError:
                pass

        thread = threading.Thread(target=run)
        thread.start()
        threading.Event().wait(chance.random() * 0.12)
        node.kill()
        thread.join()
        node.start()
        tables = node.client.column("SELECT name FROM sqlite_master WHERE name LIKE 'number%'")
        if tables == [f"number{turn}"]:
            number, marks = tables, []
        else:
            assert tables == (number or []) and not outcome
        assert node.client.value("PRAGMA integrity_check") == "ok"
        assert node.client.column("SELECT n FROM marks ORDER BY rowid") == marks
        node.client.must(f"INSERT INTO marks VALUES({turn})")
        marks.append(turn)
