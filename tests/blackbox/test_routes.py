"""Every route that tests of its own do not look at, and what all of them have in common."""

import json
import re
import socket

import pytest

from node import ROOT, eventually
from test_http import exchange, receive, statuses

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"


@pytest.fixture
def node(shared):
    return shared


def delete(client, path, body):
    return client.send("DELETE", path, body)


# Methods and types of refusals, route by route.

ROUTES = [
    # path, allowed methods, preset type, further paths that are the same route, and that are not
    ("/db/execute", "POST", JSON, ["/db/executeX", "/db/execute/x"], ["/DB/execute"]),
    ("/db/query", "GET POST", JSON, ["/db/queryX"], []),
    ("/db/request", "POST", JSON, ["/db/request/x"], []),
    ("/db/backup", "GET", None, ["/db/backup/x"], []),
    ("/db/load", "POST", None, ["/db/load/x"], []),
    ("/db/sql", "GET POST", JSON, ["/db/sqlX"], []),
    ("/db/queue", "GET", JSON, [], ["/db/queueX", "/db/queue/"]),
    ("/boot", "POST", None, [], ["/boot/", "/bootX"]),
    ("/snapshot", "POST", None, [], ["/snapshot/"]),
    ("/reap", "POST", None, [], ["/reap/", "/reapX"]),
    ("/remove", "DELETE", None, ["/removeX", "/remove/x"], []),
    ("/status", "GET", JSON, ["/statusX", "/status/x"], []),
    ("/metrics", "GET", None, [], ["/metrics/"]),
    ("/nodes", "GET", JSON, ["/nodesX"], []),
    ("/leader", "GET POST", JSON, [], ["/leader/", "/leaderX"]),
    ("/readyz", "GET", None, ["/readyzX", "/readyz/x"], []),
    ("/licenses", "GET", TEXT, [], ["/licenses/"]),
    ("/console/", "GET HEAD", None, [], []),
]


@pytest.mark.parametrize("path, allowed, preset, same, other", ROUTES, ids=[r[0] for r in ROUTES])
def test_a_route_has_its_methods_and_its_type(client, path, allowed, preset, same, other):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "BREW"):
        for each in [path, *same]:
            if method in allowed.split():
                continue
            reply = client.send(method, each)
            assert (reply.status, reply.body) == (405, b""), (method, each)
            assert reply.headers["Content-Type"] == preset
            assert "Allow" not in reply.headers and "X-Content-Type-Options" not in reply.headers
    for each in other:
        reply = client.send(allowed.split()[0], each)
        assert (reply.status, reply.body) == (404, b""), each
        assert "Content-Type" not in reply.headers


@pytest.mark.parametrize("path", ["/debug/vars", "/", "/console"])
def test_some_routes_take_any_method(client, path):
    for method in ("GET", "HEAD", "POST", "DELETE", "BREW"):
        assert client.send(method, path).status in (200, 301, 302)


# The console.

@pytest.mark.parametrize("path, status, what", [("/", 302, "Found"),
                                                ("/?a=b", 302, "Found"),
                                                ("/console", 301, "Moved Permanently"),
                                                ("/console?x", 301, "Moved Permanently")])
def test_the_root_leads_to_the_console(client, path, status, what):
    reply = client.send("GET", path)
    assert (reply.status, reply.text) == (status, f'<a href="/console/">{what}</a>.\n\n')
    assert reply.headers["Content-Type"] == HTML
    assert reply.headers["Location"] == "/console/"
    for method in ("HEAD", "POST", "DELETE"):
        reply = client.send(method, path)
        assert (reply.status, reply.body, reply.headers["Location"]) == (status, b"", "/console/")


def test_the_console_is_one_page_and_its_files(client):
    page = client.send("GET", "/console/")
    assert (page.status, page.headers["Content-Type"]) == (200, HTML)
    assert "rqlite" in page.text
    names = re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)
    assert {"static/console.css", "static/favicon.ico", "static/console.js"} <= set(names)
    types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
             "ico": "image/x-icon"}
    for name in names:
        reply = client.send("GET", "/console/" + name)
        assert reply.status == 200
        assert reply.headers["Content-Type"] == types[name.rsplit(".")[-1]]
        assert reply.body == (ROOT / "src/http/console" / name).read_bytes()
        head = client.send("HEAD", "/console/" + name)
        assert (head.status, head.body) == (200, b"")


def test_the_console_asks_nobody_else(client):
    for name in ("", *(f"static/{name}" for name in ("console.css", "api.js", "status.js"))):
        reply = client.send("GET", "/console/" + name)
        assert not re.search(r"""(?:src|href|url|fetch|import)\W{1,3}(?:https?:)?//""", reply.text)
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_the_console_lists_its_files(client):
    reply = client.send("GET", "/console/static/")
    assert (reply.status, reply.headers["Content-Type"]) == (200, HTML)
    assert sorted(re.findall(r'href="([^"]+)"', reply.text)) == sorted(
        each.name for each in (ROOT / "src/http/console/static").iterdir())


@pytest.mark.parametrize("path, to", [("/console/index.html", "./"), ("/console/static", "static/")])
def test_other_names_of_the_page_lead_to_it(client, path, to):
    reply = client.send("GET", path)
    assert (reply.status, reply.body, reply.headers["Location"]) == (301, b"", to)


@pytest.mark.parametrize("path", [
    "/consolefoo", "/console/x", "/console/static/x", "/console/static/../index.html",
    "/console/static/..%2findex.html", "/console/../../../../etc/passwd", "/console/licenses.txt",
    "/console/static//console.js", "/console/static/console.js/", "/console/static/console.js%00",
    "/console/%2e%2e/licenses.txt"])
def test_there_is_nothing_else_below_the_console(client, path):
    reply = client.send("GET", path)
    assert (reply.status, reply.text) == (404, "404 page not found\n")
    assert reply.headers["Content-Type"] == TEXT
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_licenses_name_everything_that_is_linked(client):
    reply = client.send("GET", "/licenses")
    assert (reply.status, reply.headers["Content-Type"]) == (200, TEXT)
    assert "MIT License" in reply.text and "Apache License" in reply.text
    for name in ("SQLite", "Boost", "simdjson", "fmt", "spdlog", "protozero", "xxHash", "OpenSSL",
                 "zlib", "libxcrypt"):
        assert name in reply.text
    lock = (ROOT / "src/raft/core/Cargo.lock").read_text()
    for crate in set(re.findall(r'^name = "(.+)"', lock, re.M)) - {"raft_core"}:
        assert re.search(rf"(^|[\s(]){re.escape(crate)}\b", reply.text), crate


# Nodes and the leader.

def node_of(node):
    return {"id": node.raft_address, "api_addr": f"http://{node.address}",
            "addr": node.raft_address, "version": "10", "voter": True, "reachable": True,
            "leader": True}


def check_node(shown, node):
    time, text = shown.pop("time"), shown.pop("time_s")
    assert 0 < time < 1 and re.fullmatch(r"[\d.]+(ns|µs|ms)", text)
    assert shown == node_of(node)


def test_nodes_in_the_new_format(node):
    reply = node.client.send("GET", "/nodes?ver=2")
    assert (reply.status, reply.headers["Content-Type"]) == (200, JSON)
    assert re.fullmatch(
        r'\{"nodes":\[\{"id":"[^"]+","api_addr":"http://[^"]+","addr":"[^"]+","version":"10",'
        r'"voter":true,"reachable":true,"leader":true,"time":[\d.e-]+,"time_s":"[^"]+"\}\]\}',
        reply.text)
    check_node(reply.json["nodes"][0], node)
    assert len(node.client.send("GET", "/nodes?ver=2&nonvoters").json["nodes"]) == 1


@pytest.mark.parametrize("query", ["", "?ver=1", "?ver=", "?ver=2x", "?nonvoters"])
def test_nodes_in_the_old_format(node, query):
    nodes = node.client.send("GET", "/nodes" + query).json
    assert list(nodes) == [node.raft_address]
    check_node(nodes[node.raft_address], node)


def test_nodes_are_pretty_on_request(client):
    assert client.send("GET", "/nodes?ver=2&pretty").text.startswith('{\n    "nodes": [\n        {\n')


def test_nodes_that_have_no_time_do_not_answer(node):
    for path in ("/nodes?timeout=0", "/nodes?timeout=-1s&pretty"):
        shown = node.client.send("GET", path).json[node.raft_address]
        assert shown == {"id": node.raft_address, "addr": node.raft_address, "version": "",
                         "voter": True, "reachable": False, "leader": False,
                         "error": "timeout waiting for node to respond"}


def test_the_leader_is_a_node(node):
    reply = node.client.send("GET", "/leader?timeout=5s&retries=2")
    assert (reply.status, reply.headers["Content-Type"]) == (200, JSON)
    assert "X-Rqlite-Served-By" not in reply.headers
    check_node(reply.json, node)


STEP_DOWN_OK = [
    (None, None), ("", None), ("{}", "application/json"), ('{"id":""}', "application/json"),
    ('{"id":null}', "application/json"), ("null", "application/json"), ("null junk", "text/plain"),
    ('{"x": 1, "ID": null} trailing', "application/json"),
    ('{"id": "ghost", "iD": ""}', "application/json"),  # the last of equal keys
    ('{"id":"ghost"}', "text/plain"),  # not read
]


@pytest.mark.parametrize("body, content_type", STEP_DOWN_OK)
def test_a_lone_leader_that_is_asked_to_hand_over_says_yes(node, body, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    reply = node.client.send("POST", "/leader", body, headers)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"", JSON)
    assert reply.headers["X-Rqlite-Served-By"] == node.address


STEP_DOWN_FAILS = [
    ('{"id":"ghost"}', "", 500, "stepdown: node not found in cluster"),
    ('{"Id":"ghost"}', "?wait", 500, "stepdown: node not found in cluster"),
    (None, "?wait", 500, "stepdown: cannot find peer"),
    ("{}", "?wait&timeout=1s&redirect", 500, "stepdown: cannot find peer"),
    ("{", "", 400, "invalid JSON: unexpected EOF"),
    ('{"id": "a', "", 400, "invalid JSON: unexpected EOF"),
    ("[]", "", 400, r"invalid JSON: .+"),
    ('{"id": 1}', "", 400, r"invalid JSON: .+"),
    ('{"id": ["a"]}', "?wait", 400, r"invalid JSON: .+"),
    ("{id}", "", 400, r"invalid JSON: .+"),
]


@pytest.mark.parametrize("body, query, status, message", STEP_DOWN_FAILS)
def test_whom_nobody_can_hand_over_to(client, body, query, status, message):
    reply = client.send("POST", "/leader" + query, body, {"Content-Type": "application/json"})
    assert reply.status == status and re.fullmatch(message + "\n", reply.text), reply.text
    assert reply.headers["Content-Type"] == TEXT
    assert "X-Rqlite-Served-By" not in reply.headers


def test_the_leader_is_no_successor(node):
    for query in ("", "?wait"):
        reply = node.client.send("POST", "/leader" + query, {"id": node.raft_address},
                                 {"Content-Type": "application/json; charset=utf-8"})
        assert (reply.status, reply.text) == (
            500, "stepdown: cannot step down to the current Leader\n")


# Removing nodes.

@pytest.mark.parametrize("body", ["", " ", "{", "{}", "[]", "null", '"id"', '{"ID":"a"}', '{"id":1}',
                                  '{"id":"a","x":"b"}', '{"x":"b"}', '{"id":"a"} x', '{"id":["a"]}',
                                  '{"id":"a"}{"id":"a"}'])
def test_a_body_that_names_no_node_removes_none(client, body):
    reply = delete(client, "/remove", body)
    assert (reply.status, reply.body, reply.headers["Content-Length"]) == (400, b"", "0")
    assert "Content-Type" not in reply.headers


@pytest.mark.parametrize("body", ['{"id":"ghost"}', ' {"id" : null}\n', '{"id":""}',
                                  '{"id":"a","id":"ghost"}'])
def test_an_unknown_node_is_removed_already(node, body):
    reply = delete(node.client, "/remove?timeout=1s&redirect", body)
    assert (reply.status, reply.body) == (200, b"")
    assert "Content-Type" not in reply.headers
    assert reply.headers["X-Rqlite-Served-By"] == node.address


def test_the_only_node_stays(node):
    reply = delete(node.client, "/remove", {"id": node.raft_address})
    assert (reply.status, reply.text) == (
        500, "need at least one voter in configuration: {[]}\n")
    node.client.must("CREATE TABLE IF NOT EXISTS t(n)")


# Snapshots.

def test_reap_finds_nothing(client):
    reply = client.send("POST", "/reap?pretty")
    assert (reply.status, reply.text) == (200, '{"snapshots_reaped":0,"wals_checkpointed":0}\n')
    assert reply.headers["Content-Type"] == JSON


def test_a_snapshot_takes_trailing_logs(client):
    for number in ("0", "100", "-5"):
        client.must("CREATE TABLE IF NOT EXISTS t(n)", "INSERT INTO t VALUES(1)")
        assert client.send("POST", "/snapshot?trailing_logs=" + number).status == 200
    reply = client.send("POST", "/snapshot?trailing_logs=x")
    assert (reply.status, reply.text) == (400, "trailing_logs is not a valid integer\n")


# What would become of SQL.

def test_sql_is_shown_as_it_goes_into_the_log(client):
    reply = client.send("GET", "/db/sql?q=SELECT%20random(),%20datetime('now')%3B")
    assert (reply.status, reply.headers["Content-Type"]) == (200, JSON)
    assert reply.text == ('{"results":[{"original":"SELECT random(), datetime(\'now\');",'
                          '"rewritten":"SELECT random(), datetime(\'now\');"}]}')


def test_sql_of_a_body_is_taken_apart_statement_by_statement(client):
    body = ["INSERT INTO ghosts VALUES(RANDOM())", "SLECT 1", ["SELECT ?", 1], "", "-- nothing",
            "SELECT 1 < 2"]
    reply = client.send("POST", "/db/sql?noparse&norwrandom&norwtime", body)
    assert reply.text == (
        '{"results":['
        '{"original":"INSERT INTO ghosts VALUES(RANDOM())",'
        '"rewritten":"INSERT INTO ghosts VALUES(RANDOM())"},'
        '{"original":"SLECT 1","error":"near \\"SLECT\\": syntax error"},'
        '{"original":"SELECT ?","rewritten":"SELECT ?"},'
        '{"original":"","error":"EOF"},'
        '{"original":"-- nothing","error":"EOF"},'
        '{"original":"SELECT 1 \\u003c 2","rewritten":"SELECT 1 \\u003c 2"}]}')


def test_sql_is_timed_and_pretty_on_request(client):
    reply = client.send("POST", "/db/sql?timings", ["SELECT 1", "SELECT 2"])
    assert 0 < reply.json["time"] < 5 and all("time" not in each for each in reply.results)
    reply = client.send("GET", "/db/sql?pretty&q=SELECT%201")
    assert reply.text.startswith('{\n    "results": [\n        {\n            "original": "SELECT 1"')


def test_sql_that_is_looked_at_does_nothing(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(n)")
    body = ["DROP TABLE t", "PRAGMA query_only=1", "PRAGMA case_sensitive_like=1", "ATTACH 'x' AS y"]
    assert all("rewritten" in each for each in client.send("POST", "/db/sql", body).results)
    assert client.rows("SELECT count(*), 'A' LIKE 'a' FROM t") == [[0, 1]]
    client.must("INSERT INTO t VALUES(1)")


@pytest.mark.parametrize("method, path, body, message", [
    ("GET", "/db/sql", None, "query not specified"),
    ("GET", "/db/sql?pretty", None, "query not specified"),
    ("GET", "/db/sql?q=", None, "query parameter not set"),
    ("POST", "/db/sql", "", "invalid JSON body"),
    ("POST", "/db/sql", "{}", "invalid request"),
    ("POST", "/db/sql", "[]", "no statements"),
    ("POST", "/db/sql", "[1]", "invalid request"),
])
def test_what_is_no_sql(client, method, path, body, message):
    reply = client.send(method, path, body)
    assert (reply.status, reply.text) == (400, message + "\n")


# Parameters that change nothing here.

def test_one_node_serves_everything_itself(node):
    client = node.client
    client.must("CREATE TABLE IF NOT EXISTS t(n)")
    for flags in (("redirect",), ("retries=3",), ("noparse",), ("norwrandom", "norwtime"),
                  ("bypass", "unknown=1"), ("timeout=1ns",)):
        for reply in (client.execute(["INSERT INTO t VALUES(random())"], *flags),
                      client.query(["SELECT count(*) FROM t"], *flags),
                      client.send("POST", "/db/request?" + "&".join(flags), ["SELECT 1"])):
            assert reply.status == 200 and "error" not in reply.text
            assert reply.headers["X-Rqlite-Served-By"] == node.address


# Readiness.

@pytest.mark.parametrize("query, status, text", [
    ("?noleader&timeout=1ns", 200, "[+]node ok"),
    ("?timeout=1ns", 503, "[+]node ok\n[+]leader ok\n[+]store ok\n"
                          "[+]db not ok: (context deadline exceeded, [])"),
    ("?timeout=0", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
    ("?timeout=-1s", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
    ("?retries=2", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
])
def test_readiness_within_a_time(client, query, status, text):
    reply = client.send("GET", "/readyz" + query)
    assert (reply.status, reply.text, reply.headers["Content-Type"]) == (status, text, TEXT)


# Status.

def test_status_has_every_key_that_holds_here(start_node):
    node = start_node()
    status = node.client.status()
    assert set(status["build"]) == {"build_time", "commit", "compiler_command",
                                    "compiler_toolchain", "version"}
    assert set(status["os"]) == {"executable", "hostname", "page_size", "pid", "ppid"}
    assert set(status["runtime"]) == {"GOARCH", "GOMAXPROCS", "GOOS", "kubernetes_hint", "num_cpu",
                                      "num_goroutine", "version"}
    assert status["cluster"] == {"addr": node.raft_address, "api_addr": node.address,
                                 "https": "false"}
    assert status["network"]["interfaces"]["lo"]["addresses"][0] == {"address": "127.0.0.1/8"}
    store = status["store"]
    assert store["dir_size"] >= store["raft"]["log_size"] > 0
    assert re.fullmatch(r"[\d.]+ [KMG]iB", store["dir_size_friendly"])
    assert store["fsm_index"] == store["db_applied_index"] == store["raft"]["applied_index"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", store["fsm_update_time"])
    assert store["raft"]["last_contact"] == 0
    assert store["trailing_logs"] == 0
    assert store["cdc"] == {"enabled": False, "registered": False}
    assert len(store["snapshot_store"]["snapshots"]) == 1
    assert "last_backup_time" not in status


def test_status_knows_the_database(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(v)", "INSERT INTO t VALUES(randomblob(100000))")
    sqlite = client.status("store.sqlite3")
    memory = sqlite["mem_stats"]
    assert set(memory) == {"cache_size", "freelist_count", "hard_heap_limit", "max_page_count",
                           "page_count", "page_size", "soft_heap_limit"}
    assert sqlite["db_size"] == memory["page_count"] * memory["page_size"] > 100_000
    assert sqlite["wal_size"] > 100_000
    assert sqlite["pragmas"]["ro"]["journal_mode"] == "wal"
    assert sqlite["conn_pool_stats"]["ro"]["max_open_connections"] == 256
    assert any("THREADSAFE" in each for each in sqlite["compile_options"])
    assert client.send("POST", "/snapshot").status == 200
    assert client.status("store.sqlite3.size") >= sqlite["db_size"]


def test_status_records_keep_their_order_unless_they_are_selected(client):
    whole = client.send("GET", "/status").text
    assert re.search(r'"nodes":\[\{"id":"[^"]+","addr":"[^"]+","suffrage":"voter"\}\]', whole)
    assert re.search(r'"ro":\{"max_open_connections":\d+,"open_connections":', whole)
    part = client.send("GET", "/status?key=store.nodes&pretty").text
    assert re.fullmatch(r'\[\{"addr":"[^"]+","id":"[^"]+","suffrage":"voter"\}\]', part)
    assert client.status("store.sqlite3.conn_pool_stats.ro.idle") >= 0


def test_status_loses_no_digit(start_queue):
    client = start_queue().client
    number = client.queue([["INSERT INTO log(line) VALUES(?)", "a"]], "wait").number
    assert client.send("GET", "/status?key=http.queue._default.sequence_number").text == str(number)


def test_status_tells_of_the_last_backup(client):
    assert client.send("GET", "/db/backup").status == 200
    eventually(lambda: client.status("last_backup_time") != {})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", client.status("last_backup_time"))


# How requests may be written.

@pytest.mark.parametrize("request_bytes", [
    b"GET /readyz HTTP/1.1\nHost: a\nConnection: close\n\n",
    b"GET /readyz HTTP/1.1\r\nHost: a\nConnection: close\r\n\n",
    b"GET /readyz HTTP/1.2\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /readyz HTTP/1.9\nHost: a\nConnection: close\n\n",
    b"GET /readyz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    b"GET https://a.example.com/readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET http://a.example.com/readyz?noleader HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
], ids=range(7))
def test_odd_but_right(node, request_bytes):
    assert statuses(exchange(node, request_bytes)) == [200]
    with node.connect() as connection:  # and byte by byte
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes:
            connection.sendall(bytes([byte]))
        assert statuses(receive(connection)) == [200]


def test_bare_line_feeds_in_a_pipeline_change_no_body(node):
    sql = b'["SELECT \'a\\nb\'"]\n\n'
    request = b"POST /db/query HTTP/1.1\nHost: a\nContent-Length: %d\n\n%s" % (len(sql), sql)
    received = exchange(node, request * 3 + b"GET /readyz HTTP/1.1\nHost: a\nConnection: close\n\n")
    assert statuses(received) == [200] * 4
    assert received.count(rb'[["a\nb"]]') == 3


def test_an_absolute_target_may_have_no_path(node):
    received = exchange(node, b"GET http://a.example.com HTTP/1.1\r\nHost: a\r\n"
                              b"Connection: close\r\n\r\n")
    assert statuses(received) == [302]


def test_options_of_everything_has_no_headers_of_ours(node):
    received = exchange(node, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
    assert received == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2


def test_a_failed_expectation_is_bare(node):
    received = exchange(node, b"POST /db/execute HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                              b"Expect: a-miracle\r\n\r\n[]")
    assert received == (b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n"
                        b"Content-Length: 0\r\n\r\n")


# Two servers on the way must not see different requests in the same bytes.

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /db/query HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize("head", [
    b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    b"Content-Length: 0\r\nContent-Length: 40\r\n",
    b"Content-Length: 0, 40\r\n",
    b"Content-Length: +0\r\n",
    b"Content-Length: 0x0\r\n",
    b"Content-Length : 0\r\n",
    b"Content-Length\t: 0\r\n",
    b" Content-Length: 0\r\n",
    b"Content-Length:\x0b0\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"X: a\r\n b\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n",
    b"X: a\rTransfer-Encoding: chunked\r\n",
    b"X: a\x00Transfer-Encoding: chunked\r\n",
])
def test_nothing_is_smuggled(node, head):
    received = exchange(node, POST + head + b"\r\n0\r\n\r\n" + HIDDEN)
    assert len(statuses(received)) == 1 and statuses(received)[0] in (400, 501), received
    assert b"Connection: close\r\n" in received


@pytest.mark.parametrize("chunks", [b"0\n\r\n", b"0x0\r\n\r\n", b" 0\r\n\r\n", b"-0\r\n\r\n",
                                    b"5\r\nhello0\r\n\r\n", b"ffffffffffffffffff\r\n"])
def test_a_chunk_that_makes_no_sense_ends_the_connection(node, chunks):
    received = exchange(node, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + HIDDEN)
    assert b"404" not in received
    assert statuses(received) in ([], [400])


# The form of numbers and durations in URLs.

@pytest.mark.parametrize("value", ["", "1", "1d", "1S", "%201s", "1s%20", "1e3s", "1m1", "2562048h",
                                   "+", "s", ".s", "1_0s", "1ms1", "9223372036854775808ns"])
@pytest.mark.parametrize("name", ["timeout", "db_timeout", "freshness", "linearizable_timeout"])
def test_what_is_no_duration(client, name, value):
    reply = client.send("GET", f"/nowhere?{name}={value}")
    assert (reply.status, reply.text) == (400, f"{name} is not a valid duration\n")


@pytest.mark.parametrize("value", ["0", "-0", "1h30m", "%2B1.5h", ".5s", "1.s", "-1s", "1%CE%BCs",
                                   "9223372036854775807ns", "-9223372036854775808ns"])
def test_what_is_a_duration(client, value):
    assert client.send("GET", f"/nowhere?timeout={value}").status == 404


@pytest.mark.parametrize("value", ["", "x", "1.0", "1_000", "0x1", "%201", "1%20", "--1", "+-1",
                                   "9223372036854775808"])
@pytest.mark.parametrize("name", ["retries", "trailing_logs"])
def test_what_is_no_integer(client, name, value):
    reply = client.send("GET", f"/nowhere?{name}={value}")
    assert (reply.status, reply.text) == (400, f"{name} is not a valid integer\n")


@pytest.mark.parametrize("query, message", [
    ("timeout=x&retries=x", "timeout is not a valid duration"),
    ("retries=x&timeout=x", "timeout is not a valid duration"),
    ("linearizable_timeout=x&db_timeout=x&freshness=x", "freshness is not a valid duration"),
    ("trailing_logs=x&retries=x", "retries is not a valid integer"),
    ("q=&retries=x", "retries is not a valid integer"),
    ("freshness_strict&timeout=x", "freshness_strict requires freshness"),
    ("a=%zz&timeout=x", 'invalid URL escape "%zz"'),
    ("a=%z", 'invalid URL escape "%z"'),
    ("a=%", 'invalid URL escape "%"'),
    ("a=1;b=%zz", "invalid semicolon separator in query"),
])
def test_the_first_problem_of_a_query_string_is_told(client, query, message):
    reply = client.send("GET", "/nowhere?" + query)
    assert (reply.status, reply.text) == (400, message + "\n")
