"""Who may do what: the credentials file, as clients and operators meet it."""

import base64
import json
import re
import signal

import pytest

from guards import ALL, ROUTES, ask, basic, user
from node import eventually
from test_http import exchange, receive, statuses

BCRYPT_OF_SECRET = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG"
SLOW_BCRYPT = "$2b$12$CCCCCCCCCCCCCCCCCCCCC.4K7lyz.nKATbsiu/RcZjqWyDNnj87qG"  # nobody's


@pytest.fixture
def guarded(start_guarded):
    """A node where each permission has a user of its own, named after it."""
    return start_guarded(*[user(perm, perm) for perm in ALL], user("root", "all"),
                         user("nobody"), user("both", "query", "execute"))


# Who may do what.

def test_each_route_asks_for_its_own_permission_and_no_other(guarded):
    for method, path, needed, preset in ROUTES:
        for name in [*ALL, "nobody"]:
            reply = ask(guarded, method, path, basic(name, "pw"))
            assert (reply.status != 401) == (needed == [name]), (path, name, reply.status)
            if reply.status == 401:
                assert reply.body == b""
                assert reply.headers["Content-Length"] == (None if method == "HEAD" else "0")
                assert reply.headers["Content-Type"] == preset
        assert ask(guarded, method, path).status == 401
        assert ask(guarded, method, path, basic("root", "pw")).status != 401
        if len(needed) > 1:
            assert ask(guarded, method, path, basic("both", "pw")).status != 401


def test_without_permission_nothing_happens(guarded):
    root = basic("root", "pw")
    reply = ask(guarded, "POST", "/db/execute", root, ["CREATE TABLE t(n)"])
    assert reply.text == '{"results":[{}]}'
    for path in ("/db/execute", "/db/execute?queue", "/db/execute?queue&wait", "/db/request"):
        for body in (["INSERT INTO t VALUES(1)"], ["DROP TABLE t"], "[", ""):
            for who in ({}, basic("nobody", "pw"), basic("query", "pw"), basic("root", "wrong")):
                reply = ask(guarded, "POST", path, who, body)
                assert (reply.status, reply.body) == (401, b"")
    assert ask(guarded, "GET", "/db/queue", root).json["accepted"] == 0
    assert ask(guarded, "POST", "/db/query", root, ["SELECT count(*) FROM t"]).results[0][
        "values"] == [[0]]
    before = ask(guarded, "GET", "/status?key=store.snapshots.taken", root).json
    assert ask(guarded, "POST", "/snapshot", basic("status", "pw")).status == 401
    assert ask(guarded, "GET", "/status?key=store.snapshots.taken", root).json == before


def test_permission_comes_before_method_and_after_parameters_and_path(guarded):
    assert ask(guarded, "GET", "/db/execute").status == 401
    assert ask(guarded, "GET", "/db/execute", basic("execute", "pw")).status == 405
    assert ask(guarded, "GET", "/db/execute?timeout=x").status == 400
    assert ask(guarded, "GET", "/nowhere").status == 404
    assert ask(guarded, "OPTIONS", "/db/execute?timeout=x").status == 200


def test_where_the_console_is_everybody_may_know(guarded):
    assert ask(guarded, "GET", "/").status == 302
    assert ask(guarded, "GET", "/console").status == 301


def test_checks_are_counted(guarded):
    def counts():
        reply = ask(guarded, "GET", "/debug/vars?key=http", basic("status", "pw"))
        return reply.json["http"]

    before = counts()
    assert ask(guarded, "POST", "/db/request", basic("both", "pw"), "[").status == 400
    assert ask(guarded, "POST", "/db/request", basic("query", "pw"), "[").status == 401
    assert ask(guarded, "GET", "/db/execute").status == 401
    assert ask(guarded, "GET", "/").status == 302
    after = counts()
    grew = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grew == {"auth_ok": 2, "auth_fail": 2, "requests": 2, "executions": 1}


def test_every_response_asks_for_credentials(guarded):
    for method, path, who, status in [("GET", "/status", {}, 401),
                                      ("GET", "/status", basic("root", "pw"), 200),
                                      ("GET", "/nowhere", {}, 404), ("OPTIONS", "/x", {}, 200),
                                      ("GET", "/x?q", {}, 400)]:
        reply = ask(guarded, method, path, who)
        assert reply.status == status
        assert reply.headers["Www-Authenticate"] == 'Basic realm="rqlite"'
        assert reply.headers["Access-Control-Allow-Credentials"] == "true"
        assert reply.headers["Access-Control-Allow-Headers"] == (
            "Content-Type, Authorization, Idempotency-Key")


# Logins.

def test_what_is_no_login_is_none(guarded):
    good = basic("status", "pw")["Authorization"]
    for value in ["", "Basic", "Basic ", good.split()[1], good.replace("Basic", "Bearer"),
                  good + "x", "Basic " + base64.b64encode(b"status").decode(),
                  "Basic " + base64.b64encode(b":pw").decode()]:
        assert ask(guarded, "GET", "/status", {"Authorization": value}).status == 401, value
    for scheme in ("Basic", "basic", "BASIC"):
        assert ask(guarded, "GET", "/status", basic("status", "pw", scheme)).status == 200
    twice = (f"GET /status HTTP/1.1\r\nHost: a\r\nAuthorization: {good}\r\nAuthorization: {good}\r\n"
             "Connection: close\r\n\r\n")
    assert statuses(exchange(guarded, twice.encode())) == [401]


def test_a_password_must_be_the_whole_one(guarded):
    for password in ("", "p", "pww", "PW", "pw "):
        assert ask(guarded, "GET", "/status", basic("root", password)).status == 401
    for name in ("Root", "", "*", "root "):
        assert ask(guarded, "GET", "/status", basic(name, "pw")).status == 401


def test_the_star_lets_everybody_in_with_any_login(start_guarded):
    node = start_guarded({"username": "*", "perms": ["query"]}, user("bob", "execute"))
    for who in ({}, basic("bob", "wrong"), basic("x", "y"), {"Authorization": "nonsense"}):
        assert ask(node, "GET", "/db/query?q=SELECT%201", who).status == 200
        assert ask(node, "POST", "/db/execute", who, ["SELECT 1"]).status == 401
    assert ask(node, "POST", "/db/request", basic("bob", "pw"), ["SELECT 1"]).status == 200


def test_an_entry_has_only_what_it_says(start_guarded):
    node = start_guarded(user("bob", "all"), {"username": "eve", "password": "pw"},
                         {"username": "mallory", "perms": ["all"]})
    assert ask(node, "GET", "/status", basic("bob", "pw")).status == 200
    assert ask(node, "GET", "/status", basic("eve", "pw")).status == 401
    for password in ("", "pw"):
        assert ask(node, "GET", "/status", basic("mallory", password)).status == 401


# Hashes.

def test_a_password_may_be_a_hash(start_guarded):
    node = start_guarded(user("bob", "execute", "query", password=BCRYPT_OF_SECRET))
    right, wrong = basic("bob", "secret"), basic("bob", "Secret")
    assert ask(node, "POST", "/db/execute", right, ["CREATE TABLE t(n)"]).text == '{"results":[{}]}'
    assert ask(node, "POST", "/db/execute", wrong, ["DROP TABLE t"]).status == 401
    assert ask(node, "POST", "/db/execute", basic("bob", BCRYPT_OF_SECRET)).status == 401
    # What the headers say outlives the hash, and so does what the handler leaves with the reply.
    node.client.close()
    reply = ask(node, "POST", "/db/execute?queue&wait&timeout=20s",
                {**right, "Idempotency-Key": "k"}, ["INSERT INTO t VALUES(1)"])
    assert reply.status == 200
    reply = ask(node, "POST", "/db/execute?queue&wait", {**right, "Idempotency-Key": "k"},
                ["INSERT INTO t VALUES(1)"])
    assert reply.headers["Idempotency-Replayed"] == "true"
    assert ask(node, "POST", "/db/query", right, ["SELECT count(*) FROM t"]).results[0][
        "values"] == [[1]]


def test_the_headers_of_a_request_whose_password_is_hashed_are_kept(start_guarded):
    node = start_guarded(user("bob", "execute", password=BCRYPT_OF_SECRET))
    reply = ask(node, "POST", "/db/execute", {**basic("bob", "secret"), "Idempotency-Key": "a b"},
                ["SELECT 1"])
    assert (reply.status, reply.text) == (
        400, "the Idempotency-Key must be 1 to 255 visible ASCII characters\n")


def test_strangers_who_make_us_hash_hold_nobody_else_up(start_guarded):
    node = start_guarded(user("bob", "query"), user("slow", "query", password=SLOW_BCRYPT))
    head = b"GET /db/query?q=SELECT%%201 HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n"
    strangers = []
    try:
        for n in range(120):
            stranger = node.connect()
            strangers.append(stranger)
            stranger.sendall(head % basic("eve", str(n))["Authorization"].encode())
        # Far less than it takes to hash them all, and none of them was let in meanwhile.
        for _ in range(50):
            assert ask(node, "GET", "/db/query?q=SELECT%201", basic("bob", "pw")).status == 200
        late = strangers[-1]
        assert late.recv(4096).startswith(b"HTTP/1.1 503 ")
    finally:
        for stranger in strangers:
            stranger.close()
    assert node.stop() == 0


# Bodies that nobody has to receive.

def test_whoever_may_not_write_is_told_before_the_body(guarded):
    who = basic("query", "pw")["Authorization"]
    for expect in ("", "Expect: 100-continue\r\n"):
        with guarded.connect() as connection:
            connection.sendall(f"POST /db/execute HTTP/1.1\r\nHost: a\r\nAuthorization: {who}\r\n"
                               f"{expect}Content-Length: 200000000\r\n\r\n".encode())
            received = receive(connection)
        assert statuses(received) == [401]
        assert b"Connection: close\r\n" in received and b"X-Rqlite-Version" in received


@pytest.mark.parametrize("line, status", [("POST /db/query?timeout=x", 400), ("PUT /db/query", 405),
                                          ("POST /nowhere", 404), ("OPTIONS /db/query", 200)])
def test_what_the_body_cannot_change_is_answered_before_it(node, line, status):
    with node.connect() as connection:
        connection.sendall(f"{line} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                           "Content-Length: 10\r\n\r\n".encode())
        assert statuses(receive(connection)) == [status]


# The file.

FATAL = [
    ("", "EOF"),
    ("null", "EOF"),
    ("12", "EOF"),
    ('{"a": 1}', "not a list of users"),
    ("[1]", "entry 1: is not an object"),
    ('[{"password": "x"}]', "entry 1: has no username"),
]


@pytest.mark.parametrize("text, why", FATAL)
def test_a_file_that_makes_no_sense_is_fatal(make_node, home, text, why):
    path = home / "auth.json"
    path.write_text(text)
    code, log = make_node("-auth", str(path)).fail_to_start()
    assert code == 1
    assert re.search(rf"^\[rqlited\] \S+ \S+ failed to get credential store: {why}$", log, re.M)


def test_a_file_that_is_not_there_is_fatal(make_node, home):
    code, log = make_node("-auth", str(home / "none")).fail_to_start()
    assert code == 1
    assert f"failed to get credential store: open {home}/none: no such file or directory" in log


def test_a_hangup_reads_the_file_again(start_guarded):
    node = start_guarded(user("bob", "query"))
    path = "/db/query?q=SELECT%201"
    assert ask(node, "GET", path, basic("bob", "pw")).status == 200
    node.users.write_text(json.dumps([user("bob", "query", password="new")]))
    assert ask(node, "GET", path, basic("bob", "pw")).status == 200
    node.signal(signal.SIGHUP)
    eventually(lambda: ask(node, "GET", path, basic("bob", "new")).status == 200)
    assert ask(node, "GET", path, basic("bob", "pw")).status == 401

    node.users.write_text("broken")
    node.signal(signal.SIGHUP)
    eventually(lambda: "failed to reload credential store, the one in use stays: " in node.log())
    assert ask(node, "GET", path, basic("bob", "new")).status == 200
    node.users.unlink()
    node.signal(signal.SIGHUP)
    eventually(lambda: "no such file or directory" in node.log())
    assert ask(node, "GET", path, basic("bob", "new")).status == 200
    assert node.stop() == 0


def test_without_a_file_a_hangup_ends_the_process(start_node):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a node under nohup goes on
    try:
        node = start_node()
    finally:
        signal.signal(signal.SIGHUP, before)
    node.signal(signal.SIGHUP)
    assert node.wait() == -signal.SIGHUP


# Origins.

def test_an_allowed_origin_is_told_with_every_response(start_node):
    client = start_node("-http-allow-origin", "https://app.example.com").client
    for method, path in [("GET", "/status"), ("GET", "/nowhere"), ("OPTIONS", "/db/execute")]:
        reply = client.send(method, path)
        assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert client.status("http.allow_origin") == "https://app.example.com"


def test_status_says_whether_there_is_a_file(guarded):
    reply = ask(guarded, "GET", "/status?key=http.auth", basic("root", "pw"))
    assert reply.json == "enabled"
