"""/nodes, /leader and /remove of a node that is alone."""

import re

import pytest

from test_http import exchange

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@pytest.fixture
def node(shared):
    return shared


def delete(client, path, body):
    return client.send("DELETE", path, body)


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


def test_the_leader_is_pretty_on_request(client):
    assert client.send("GET", "/leader?pretty").text.startswith('{\n    "id": "')


def test_a_leader_that_has_no_time_does_not_answer(node):
    reply = node.client.send("GET", "/leader?timeout=0")
    assert (reply.status, reply.text) == (200, (
        f'{{"id":"{node.raft_address}","addr":"{node.raft_address}","version":"","voter":true,'
        '"reachable":false,"leader":false,"error":"timeout waiting for node to respond"}'))


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


def test_a_successor_may_be_named_in_chunks(node):
    received = exchange(node, b"POST /leader HTTP/1.1\r\nHost: a\r\n"
                              b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                              b"Connection: close\r\n\r\n6\r\n{\"id\":\r\n8\r\n\"ghost\"}\r\n"
                              b"0\r\n\r\n")
    assert received.endswith(b"\r\n\r\nstepdown: node not found in cluster\n")


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
