"""What all routes have in common: their methods, the types of their refusals, their headers."""

import pytest

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def node(shared):
    return shared


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
            assert reply.headers["Content-Length"] == (None if method == "HEAD" else "0")
            assert "Allow" not in reply.headers and "X-Content-Type-Options" not in reply.headers
    for each in other:
        reply = client.send(allowed.split()[0], each)
        assert (reply.status, reply.body, reply.headers["Content-Length"]) == (404, b"", "0"), each
        assert "Content-Type" not in reply.headers


@pytest.mark.parametrize("path, status", [("/debug/vars", 200), ("/debug/pprof", 404),
                                          ("/debug/pprof/heap", 404), ("/", 302), ("/console", 301)])
def test_some_routes_take_any_method(client, path, status):
    for method in ("GET", "HEAD", "POST", "DELETE", "BREW"):
        assert client.send(method, path).status == status


# Whom a response names as the one that served it.

SERVED = [
    ("POST", "/db/execute", ["SELECT 1"], 200, True),
    ("POST", "/db/execute?associative&timings&pretty", ["nonsense"], 200, True),
    ("POST", "/db/execute", [""], 200, True),
    ("POST", "/db/query", ["SELECT 1"], 200, True),
    ("GET", "/db/query", None, 200, True),
    ("GET", "/db/query?q=nonsense", None, 200, True),
    ("GET", "/db/query?q=SELECT%209e999", None, 500, True),
    ("POST", "/db/request", ["SELECT 1", "DROP TABLE IF EXISTS ghosts"], 200, True),
    ("POST", "/db/request?level=strong", ["SELECT 1"], 200, True),
    ("POST", "/db/load", "SELECT 1", 200, True),
    ("POST", "/db/load", "nonsense", 200, True),
    ("POST", "/db/load", "", 200, True),
    ("POST", "/leader", None, 200, True),
    ("DELETE", "/remove", {"id": "ghost"}, 200, True),
    # A refusal as a whole, though its status is 200.
    ("POST", "/db/execute", ["PRAGMA journal_mode=WAL"], 200, False),
    ("POST", "/db/query", ["PRAGMA journal_mode=WAL"], 200, False),
    ("POST", "/db/request", ["PRAGMA journal_mode=WAL"], 200, False),
    ("POST", "/db/load", "PRAGMA journal_mode=WAL", 200, False),
    ("POST", "/db/execute?queue", ["SELECT 1"], 200, False),
    ("POST", "/db/execute?queue&wait", ["SELECT 1"], 200, False),
    ("POST", "/db/execute", "[]", 400, False),
    ("POST", "/db/query", "{", 400, False),
    ("GET", "/db/query?q", None, 400, False),
    ("GET", "/db/execute", None, 405, False),
    ("GET", "/nowhere", None, 404, False),
    ("OPTIONS", "/db/query", None, 200, False),
    ("POST", "/leader", {"id": "ghost"}, 500, False),
    ("DELETE", "/remove", "{}", 400, False),
    ("GET", "/db/backup", None, 200, False),
    ("GET", "/db/backup?fmt=sql", None, 200, False),
    ("GET", "/db/sql?q=SELECT%201", None, 200, False),
    ("POST", "/boot", "too little", 503, False),
    ("POST", "/snapshot", None, None, False),
    ("POST", "/reap", None, 200, False),
    ("GET", "/status", None, 200, False),
    ("GET", "/nodes", None, 200, False),
    ("GET", "/leader", None, 200, False),
    ("GET", "/readyz", None, 200, False),
    ("GET", "/licenses", None, 200, False),
    ("GET", "/debug/vars", None, 200, False),
    ("GET", "/console/", None, 200, False),
]


@pytest.mark.parametrize("method, path, body, status, named", SERVED)
def test_the_node_that_served_is_named_on_success_only(node, method, path, body, status, named):
    reply = node.client.send(method, path, body, {"Content-Type": "application/json"})
    assert status is None or reply.status == status
    assert reply.headers["X-Rqlite-Served-By"] == (node.address if named else None)
