"""What strangers and those who may do little can get: nothing, and they change nothing. And what
everybody gets whose request makes no sense: told so."""

import json
import sqlite3
import ssl
import threading
import time

import pytest

from certificates import Authority
from guards import ALL, OPEN_PATHS, ROUTES, ask, basic, routes_of_the_program, user
from node import HOST, Node
from test_http import MEBI, exchange, post, receive, statuses
from test_routes import ROUTES as METHODS

METHOD_NAMES = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]
ROOT = basic("root", "pw")
SECRET = "the_only_secret"


# The tables of the tests have every route.

def test_a_route_has_a_request_for_each_of_its_methods_and_the_permissions_it_asks_for():
    for route in routes_of_the_program():
        if not route.needed:
            assert route.path in OPEN_PATHS
            continue
        requests = [each for each in ROUTES if route.serves(each.method, each.path)]
        assert {each.method for each in requests} >= set(route.methods or ["GET"]), route
        for each in requests:
            first = next(one for one in routes_of_the_program()
                         if one.serves(each.method, each.path))
            assert first != route or sorted(each.needed) == sorted(route.needed), (route, each)


def test_a_route_has_its_methods_looked_at():
    looked_at = {path for path, *_ in METHODS}
    for route in routes_of_the_program():
        if route.needed and route.methods:
            assert route.path in looked_at or route.path + "/" in looked_at, route


# Whoever has no permission.

@pytest.fixture
def guarded(start_guarded):
    """A node with something to steal, and for each permission a user who has all others."""
    node = start_guarded(user("root", "all"), user("nobody"),
                         *[user(f"no-{perm}", *[each for each in ALL if each != perm])
                           for perm in ALL])
    assert ask(node, "POST", "/db/execute", ROOT,
               [f"CREATE TABLE {SECRET}(n)", f"INSERT INTO {SECRET} VALUES(1)"]).status == 200
    return node


def state(node, who):
    """All that a request could have changed."""
    status = ask(node, "GET", "/status", who).json
    queue = status["http"]["queue"]["_default"]
    files = sorted(str(path.relative_to(node.data)) for path in node.data.rglob("*")
                   if path.parent.name != "log")  # which makes its next file ahead of time
    return (status["store"]["raft"]["last_log_index"], status["store"]["snapshots"]["taken"],
            queue["sequence_number"], queue["depth"], "last_backup_time" in status, files,
            ask(node, "POST", "/db/query", who,
                ["SELECT name FROM sqlite_master ORDER BY 1"]).text)


@pytest.fixture
def database(home):
    """A file that could take the place of a node's."""
    path = home / "made.sqlite"
    made = sqlite3.connect(path)
    made.execute("CREATE TABLE other(n)")
    made.commit()
    made.close()
    return path.read_bytes()


def bodies(path, database):
    """That would do something, and that make no sense."""
    yield b""
    yield b"{"
    if path.startswith(("/db/load", "/boot")):
        yield database
        yield database + bytes(3 * MEBI)  # which would go into a file
        yield f"DROP TABLE {SECRET}".encode()
    elif path.startswith("/remove"):
        yield json.dumps({"id": "x"}).encode()
    else:
        yield json.dumps([f"DROP TABLE {SECRET}"]).encode()
        yield json.dumps([f"SELECT * FROM {SECRET}"]).encode()


def without(needed):
    """The logins of those who lack one of these permissions, or any."""
    yield {}
    yield basic("nobody", "pw")
    yield basic("root", "wrong")
    yield basic("root", "")
    yield {"Authorization": "Basic !"}
    for each in needed:
        yield basic(f"no-{each}", "pw")


def test_without_permission_there_is_no_byte_and_nothing_happens(guarded, database):
    before = state(guarded, ROOT)
    asked = 0
    for route in ROUTES:
        for method in METHOD_NAMES:
            for who in without(route.needed):
                for body in bodies(route.path, database) if method == route.method else [b""]:
                    reply = ask(guarded, method, route.path, who, body)
                    wanted = 200 if method == "OPTIONS" else 401
                    assert (reply.status, reply.body) == (wanted, b""), (method, route, who)
                    assert "X-Rqlite-Served-By" not in reply.headers
                    asked += 1
    assert asked > 1000
    assert state(guarded, ROOT) == before


def spellings(path):
    """Of a path, as those try who want to get around a check."""
    path, _, query = path.partition("?")
    query = "?" + query if query else ""
    yield "/" + path + query
    yield path.replace("/", "//") + query
    yield path.replace("/", "/./") + query
    yield "/x/.." + path + query
    yield "/console/.." + path + query
    yield "/%2e%2e" + path + query
    yield "/" + path[1:].replace("/", "%2f") + query
    yield "%2f" + path[1:] + query
    yield path.replace("e", "%65") + query
    yield path.upper() + query
    yield path + "%00" + query
    yield path + "/" + query
    yield path + "/../../status" + query
    yield path + "%20" + query
    yield path + ".json" + query
    yield path + "#x" + query
    yield "http://a" + path + query
    yield "https://a" + path + query
    yield "http://a:1@b" + path + query
    yield "HTTP://a" + path + query
    yield path[1:] + query
    yield "\\" + path[1:] + query


def test_no_spelling_of_a_path_gets_around_a_permission(guarded):
    before = state(guarded, ROOT)
    for route in ROUTES:
        for target in spellings(route.path):
            body = json.dumps([f"DROP TABLE {SECRET}"]).encode()
            request = (f"{route.method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n").encode() + body
            received = exchange(guarded, request)
            assert statuses(received)[0] in (400, 401, 404), (target, received)
            _, _, content = received.partition(b"\r\n\r\n")
            assert content in (b"", b"400 Bad Request"), (target, received)
    assert state(guarded, ROOT) == before


def test_a_header_that_comes_twice_or_late_lets_nobody_in(guarded):
    before = state(guarded, ROOT)
    right = f"Authorization: {ROOT['Authorization']}\r\n"
    wrong = f"Authorization: {basic('nobody', 'pw')['Authorization']}\r\n"
    body = json.dumps([f"DROP TABLE {SECRET}"])
    head = "POST /db/execute HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    chunked = (head + "Transfer-Encoding: chunked\r\n{}\r\n" + f"{len(body):x}\r\n{body}\r\n0\r\n{{}}\r\n")
    for request in [head + right + wrong + f"Content-Length: {len(body)}\r\n\r\n" + body,
                    head + wrong + right + f"Content-Length: {len(body)}\r\n\r\n" + body,
                    head + right + right + f"Content-Length: {len(body)}\r\n\r\n" + body,
                    head + f"X: a\r\n {right}Content-Length: {len(body)}\r\n\r\n" + body,
                    chunked.format("", right), chunked.format(wrong, right)]:
        received = exchange(guarded, request.encode())
        assert statuses(received)[0] in (400, 401), received
        assert state(guarded, ROOT) == before


# A trailer is no part of the head: whoever is on the way, and has looked at that, has not seen it.
def test_a_trailer_is_dropped(guarded):
    body = '["SELECT 1"]'
    received = exchange(guarded, (
        f"POST /db/execute HTTP/1.1\r\nHost: a\r\nAuthorization: {ROOT['Authorization']}\r\n"
        "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{len(body):x}\r\n{body}\r\n0\r\n"
        "Authorization: Basic !\r\nIdempotency-Key: a b\r\nContent-Type: text/plain\r\n\r\n"
    ).encode())
    assert statuses(received) == [200]
    assert b'{"results":[{' in received and b"error" not in received


# Requests that make no sense.

@pytest.fixture
def open_node(start_node):
    node = start_node()
    node.client.must(f"CREATE TABLE {SECRET}(n)")
    return node


# Of routes that read one; what stands for a database has tests of its own in test_load.py.
BODIES = [b"", b" ", b"[", b"{", b"]", b'"', b"nul", b"\x00", b"\xff\xfe", b'["', b"[1]", b"[null]",
          b"[[]]", b"[[1]]", b'[["SELECT ?", 1e999]]', b'[["SELECT ?", [256]]]', b'{"a": 1}',
          b'["SELECT 1"', b'["\x01"]', b'["\\ud800"]', b'["\xff"]', b"[" * 2000,
          b'[["SELECT ?", ' + b"[" * 2000, b'["' + b"x" * 2 * MEBI]


# Empty texts do nothing, a queue does not look into SQL, and members that nobody knows are skipped.
SENSE = {("/db/load", b""), ("/db/load", b" "), ("/db/load", b"\x00"),
         ("/db/execute?queue", b'["\\ud800"]'), ("/db/execute?queue", b'["\xff"]'),
         ("/leader", b""), ("/leader", b'{"a": 1}')}


def test_a_body_that_makes_no_sense_is_the_senders_fault(open_node):
    before = state(open_node, {})
    taken = []
    for route in ROUTES:
        if route.method not in ("POST", "DELETE") or route.path in ("/snapshot", "/reap"):
            continue
        for body in BODIES:
            reply = ask(open_node, route.method, route.path, {"Content-Type": "application/json"}, body)
            if route.path == "/boot" and len(body) < 32:
                assert (reply.status, reply.text) == (503, "EOF\n")  # as clients know it
                continue
            told = reply.status == 200 and '"error":' in reply.text
            refused = 400 <= reply.status < 500 and (reply.body or route.path == "/remove")
            if not told and not refused and (route.path, body) not in SENSE:
                taken.append((route.path, body[:20], reply.status, reply.text[:80]))
    assert not taken
    # What is in the database, and the files: a statement that fails has its place in the log.
    assert state(open_node, {})[-2:] == before[-2:]


def test_a_parameter_that_makes_no_sense_is_the_senders_fault(open_node):
    before = state(open_node, {})
    for route in ROUTES:
        for wrong in ("timeout=x", "db_timeout=1", "retries=x", "q=", "%", "a=%zz", "a;b",
                      "freshness_strict"):
            target = route.path + ("&" if "?" in route.path else "?") + wrong
            if wrong == "q=" and "?q=" in target:
                continue  # the first one counts
            reply = ask(open_node, route.method, target)
            assert reply.status == 400, target
            assert reply.body or route.method == "HEAD"
    assert state(open_node, {}) == before


def test_a_header_that_makes_no_sense_is_no_fault_of_ours(open_node):
    for route in ROUTES:
        if route.path == "/boot":
            continue
        for name, value in [("Content-Type", "x" * 5000), ("Content-Type", "text/"),
                            ("Content-Encoding", "gzip"), ("Authorization", "Basic"),
                            ("Authorization", "Digest " + "x" * 5000), ("Range", "bytes=5-1"),
                            ("Accept", "\t"), ("Cookie", "=;=;"), ("If-None-Match", "*"),
                            ("Upgrade", "websocket"), ("Origin", "null"),
                            ("Idempotency-Key", "x" * 256), ("Idempotency-Key", "a b")]:
            reply = ask(open_node, route.method, route.path, {name: value})
            assert reply.status < 500, (route, name, value, reply.text)


# How much and how long.

def test_a_body_that_is_too_large_is_refused_before_it_comes(open_node):
    received = exchange(open_node, post(b"")[:-5] + b"300000000\r\n\r\n")
    assert statuses(received) == [413]


@pytest.mark.parametrize("chunks", [b"1;", b"1;x=\"", b"0\r\nX: ", b"0;"],
                         ids=["extension", "quoted", "trailer", "end"])
def test_the_head_of_a_chunk_has_a_bound(open_node, chunks):
    """Nobody needs a login for `/`, so this is what anybody can make the server keep."""
    before = open_node.resident_bytes()
    with open_node.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        try:
            for _ in range(200):
                connection.sendall(b"x" * MEBI)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = receive(connection)
    assert statuses(received) in ([400], [])
    assert open_node.resident_bytes() - before < 50 * MEBI
    assert open_node.client.send("GET", "/readyz").status == 200


def test_fields_have_a_bound_in_number(open_node):
    received = exchange(open_node, b"GET /readyz HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 1500 + b"\r\n")
    assert statuses(received) == [431]


@pytest.mark.parametrize("limits", ["-S -n 64", "-n 256"], ids=["that can be raised", "that cannot"])
def test_clients_beyond_the_limit_of_open_files_stop_nothing(make_node, limits):
    node = make_node()
    node.wrapper = ["sh", "-c", f'ulimit {limits} && exec "$0" "$@"']
    node.start()
    client = node.client
    client.must("CREATE TABLE t(n)")
    strangers = []
    try:
        for _ in range(400):
            strangers.append(node.connect())
        for n in range(20):
            client.must(["INSERT INTO t VALUES(?)", n])
            assert client.send("POST", "/snapshot").status == 200
        assert client.value("SELECT count(*) FROM t") == 20
        turned_away = next(float(line.split()[1])
                           for line in client.send("GET", "/metrics").text.splitlines()
                           if line.startswith("rqlite_http_turned_away_total "))
        assert (turned_away > 200) == (limits == "-n 256")
    finally:
        for stranger in strangers:
            stranger.close()
    assert ("raise its limit" in node.log()) == (limits == "-n 256")
    assert node.stop() == 0


class Trickle:
    """A client that begins with some bytes, and then sends one more now and then."""

    def __init__(self, node, begin):
        self.connection = node.connect()
        self.connection.sendall(begin)
        self.took = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        began = time.monotonic()
        self.connection.settimeout(0.5)
        while time.monotonic() - began < 60:
            try:
                if self.connection.recv(4096) == b"":
                    break
                continue
            except TimeoutError:
                pass
            except ConnectionResetError:
                break
            try:
                self.connection.sendall(b"x")
            except (BrokenPipeError, ConnectionResetError):
                break
        self.took = time.monotonic() - began
        self.connection.close()

    def join(self):
        self._thread.join()
        return self.took


@pytest.fixture
def tls_node(home):
    folder = home / "certificates"
    folder.mkdir()
    authority = Authority(folder, "authority")
    pair = authority.issue("server")
    node = Node(home / "tls", "-http-cert", pair.certificate, "-http-key", pair.key)
    node.tls = authority.client()
    node.start()
    yield node
    node.kill()


def client_hello():
    """What a client of TLS says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=HOST).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_whoever_sends_a_byte_now_and_then_is_cut_off(open_node, tls_node):
    post_head = b"POST %s HTTP/1.1\r\nHost: a\r\n"
    slow = {
        "head": Trickle(open_node, b"GET /readyz HTTP/1.1\r\nHost: a\r\nX: "),
        "first line": Trickle(open_node, b"GET /"),
        "body": Trickle(open_node, post_head % b"/db/execute" + b"Content-Length: 100000\r\n\r\n["),
        "upload": Trickle(open_node, post_head % b"/db/load" + b"Content-Length: 100000\r\n\r\n["),
        "chunks": Trickle(open_node, post_head % b"/db/execute" + b"Transfer-Encoding: chunked\r\n\r\n1;"),
        "handshake": Trickle(tls_node, client_hello()[:-50]),
    }
    for _ in range(100):
        assert open_node.client.send("GET", "/readyz").status == 200
        assert tls_node.client.send("GET", "/readyz").status == 200
    took = {name: each.join() for name, each in slow.items()}
    assert max(took.values()) < 45, took
