"""Answers that are sent while they are read: whole, at the client's pace, in little memory."""

import http.client
import json
import socket
import threading
from urllib.parse import quote

import pytest

from node import HOST, eventually
from tables import BAYS

MANY = 5_000_000
READERS = "store.sqlite3.conn_pool_stats.ro.in_use"


def numbers(count, columns="i"):
    return (f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {count}) "
            f"SELECT {columns} FROM n")


def start(node, sql, *flags):
    """A query whose answer waits to be read: the connection, and the response."""
    connection = http.client.HTTPConnection(HOST, node.port, timeout=120)
    connection.request("GET", "/db/query?" + "&".join([*flags, f"q={quote(sql)}"]))
    return connection, connection.getresponse()


class Peak:
    """The most memory that a process took while this ran."""

    def __init__(self, node):
        self.node, self.bytes, self.ended = node, node.resident_bytes(), threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.wait(0.01):
            self.bytes = max(self.bytes, self.node.resident_bytes())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def test_five_million_rows_take_little_memory(node):
    before = node.resident_bytes()
    with Peak(node) as peak:
        connection, response = start(node, numbers(MANY))
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["X-Rqlite-Served-By"] == node.address
        head = response.read(1000)
        tail, length = b"", len(head)
        while piece := response.read(1 << 20):
            length += len(piece)
            tail = (tail + piece)[-100:]
        connection.close()
    digits = sum(len(str(i)) for i in (9, 99, 999, 9999, 99999, 999999))
    assert head.startswith(b'{"results":[{"columns":["i"],"types":["integer"],"values":[[1],[2],')
    assert tail.endswith(b"[4999999],[5000000]]}]}")
    count = sum((min(MANY, 10 ** d - 1) - 10 ** (d - 1) + 1) * d for d in range(1, 8))
    assert length == count + 3 * MANY - 1 + len(
        b'{"results":[{"columns":["i"],"types":["integer"],"values":[]}]}'), digits
    assert peak.bytes - before < 60 << 20


@pytest.mark.parametrize("flags", [(), ("pretty",), ("associative",), ("pretty", "associative"),
                                   ("timings",), ("transaction",)])
def test_every_form_is_streamed_whole(node, flags):
    sql = numbers(30_000, "i, 'row <' || i || '>' AS t, i * 0.5 AS r")
    client = node.new_client()
    reply = client.query([sql, "SELECT 7 AS seven", sql], *flags)
    assert reply.headers["Transfer-Encoding"] == "chunked"
    one, seven, other = reply.results
    rows = [[i, f"row <{i}>", i * 0.5] for i in range(1, 30_001)]
    if "associative" in flags:
        rows = [dict(zip("itr", row)) for row in rows]
    key = "rows" if "associative" in flags else "values"
    assert one[key] == other[key] == rows
    assert seven[key] == ([{"seven": 7}] if "associative" in flags else [[7]])
    if "timings" in flags:
        assert one["time"] > 0 and reply.json["time"] > 0
        return
    # Byte for byte what the same JSON looks like otherwise.
    text = json.dumps(reply.json, separators=(",", ":"))
    if "pretty" in flags:
        text = json.dumps(reply.json, indent=4)
    for plain, escaped in (("<", "\\u003c"), (">", "\\u003e"), (".0,", ","), (".0]", "]"),
                           (".0\n", "\n"), (".0}", "}")):
        text = text.replace(plain, escaped)
    assert reply.text == text


def test_the_answer_of_an_old_client_ends_with_its_connection(node):
    with node.connect() as connection:
        connection.sendall(f"GET /db/query?q={quote(numbers(50_000))} HTTP/1.0\r\n"
                           "Connection: keep-alive\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"chunked" not in head and b"Connection: close" in head
    assert len(json.loads(body)["results"][0]["values"]) == 50_000


def test_requests_behind_a_stream_are_answered_behind_it(node):
    get = f"GET /db/query?q={quote(numbers(50_000))} HTTP/1.1\r\nHost: h\r\n"
    with node.connect() as connection:
        connection.sendall((get + "\r\n" + get + "\r\n" + get + "Connection: close\r\n\r\n").encode())
        answer = b""
        while piece := connection.recv(1 << 16):
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"\r\n0\r\n\r\n") == 3
    assert answer.count(b"[50000]]}]}") == 3


# What goes wrong behind the first piece.

def test_an_error_in_the_middle_stands_behind_its_rows(node):
    sql = numbers(1_100_000, "CASE i WHEN 1000000 THEN abs(-9223372036854775808) ELSE i END AS v")
    for flags, key in (((), "values"), (("associative", "transaction"), "rows")):
        reply = node.new_client().query([sql, "SELECT 7 AS seven"], *flags)
        assert reply.status == 200
        first, second = reply.results
        assert len(first[key]) == 999_999
        assert first["error"] == "integer overflow" and list(first)[-1] == "error"
        assert "time" not in first and len(second[key]) == 1


def test_an_infinite_number_in_the_middle_fails_its_statement(client):
    sql = numbers(200_000, "CASE i WHEN 100000 THEN 9e999 ELSE i END AS v")
    reply = client.query([sql, "SELECT 7 AS seven"])
    assert reply.status == 200
    first, second = reply.results
    assert len(first["values"]) == 99_999
    assert first["error"] == ("json: error calling MarshalJSON for type *http.DBResults: json: "
                              "unsupported value: +Inf")
    assert second["values"] == [[7]]


def test_an_infinite_number_in_the_first_piece_fails_the_answer(client):
    sql = numbers(200_000, "CASE i WHEN 10 THEN -9e999 ELSE i END AS v")
    reply = client.query([sql])
    assert (reply.status, reply.text) == (
        500, "json: error calling MarshalJSON for type *http.DBResults: json: unsupported value: "
             "-Inf\n")


def test_a_date_beyond_the_calendar_in_the_middle_fails_its_statement(client):
    client.must("CREATE TABLE ev(d DATE)", f"INSERT INTO ev {numbers(50_000)}",
                "INSERT INTO ev VALUES(253402300800)", "INSERT INTO ev VALUES(1)")
    first = client.query(["SELECT d FROM ev"]).results[0]
    assert len(first["values"]) == 50_000
    assert first["error"] == "Time.MarshalText: year outside of range [0,9999]"


def test_a_time_limit_in_the_middle_stands_behind_the_rows(client):
    for flags in ((), ("transaction",)):
        reply = client.query([numbers(10 ** 12), "SELECT 1"], *flags, db_timeout="300ms").json
        assert len(reply["results"][0]["values"]) > 1000
        assert reply["results"][0]["error"] == "query timeout"
        assert reply["results"][1] == {"error": "query timeout"}
        assert reply.get("error") == (
            "sql: transaction has already been committed or rolled back" if flags else None)


# Clients that are slow, and clients that go away.

def test_a_slow_reader_does_not_slow_writers_and_gets_everything(node):
    client = node.client
    client.must(BAYS, f"INSERT INTO bays {numbers(300_000, 'i, hex(zeroblob(20))')}")
    connection, response = start(node, "SELECT * FROM bays", "level=none")
    head = response.read(100)
    # It holds a reader, and sees none of this.
    for _ in range(200):
        client.must("INSERT INTO bays(tag) VALUES('later')", "DELETE FROM bays WHERE id = 7")
    assert client.send("POST", "/snapshot").status in (200, 204, 500)
    assert client.status(READERS) >= 1
    rows = json.loads(head + response.read())["results"][0]["values"]
    assert len(rows) == 300_000 and rows[6][0] == 7
    connection.close()
    eventually(lambda: client.status(READERS) == 0)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(node):
    for _ in range(3):
        clients = [start(node, numbers(10 ** 12)) for _ in range(5)]
        for _, response in clients:
            assert response.read(100_000)
        assert node.client.status(READERS) >= 5
        for connection, response in clients:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            response.close()
            connection.close()
        eventually(lambda: node.client.status(READERS) == 0)
    assert node.client.value("SELECT 1") == 1


def test_a_stop_does_not_wait_for_what_has_no_end(node):
    connection, response = start(node, numbers(10 ** 12))
    assert response.read(100_000)
    silent = http.client.HTTPConnection(HOST, node.port)
    silent.request("GET", f"/db/query?q={quote(numbers(10 ** 12, 'max(i)'))}")
    eventually(lambda: node.client.status(READERS) == 2)
    assert node.stop() == 0
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        while response.read(1 << 20):
            pass
    connection.close()
    silent.close()
