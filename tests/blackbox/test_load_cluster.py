"""/db/load and /boot on nodes of a cluster."""

import json

import pytest

from guards import basic, user
from members import TABLE
from test_load import database


def dump(node):
    return node.client.send("GET", "/db/backup?fmt=sql&noleader").text


def check_equal(nodes):
    nodes.wait_until_equal()
    assert len({dump(node) for node in nodes}) == 1


def test_sql_text_goes_through_any_node(trio):
    for node in trio:
        reply = node.client.send("POST", "/db/load", "INSERT INTO t(v) VALUES(1), (2)")
        assert reply.status == 200 and reply.json["results"][0]["rows_affected"] == 2
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert reply.headers["X-Rqlite-Served-By"] == (
            node.address if node is trio.leader() else trio.leader().raft_address)
    check_equal(trio)
    assert trio[0].rows("strong") == 6


def test_large_sql_text_goes_through_as_it_comes(trio):
    text = "INSERT INTO t(v) VALUES('" + "x" * 1_000_000 + "');"
    follower = trio.followers()[0]
    reply = follower.client.send("POST", "/db/load", text * 20)
    assert reply.status == 200 and "error" not in reply.json, reply.text
    check_equal(trio)
    assert trio[0].rows("strong") == 20


def test_what_is_wrong_with_sql_text_any_node_says(trio):
    for node in trio:
        reply = node.client.send("POST", "/db/load", "INSERT INTO nosuch VALUES(1)")
        assert reply.status == 200 and reply.json["results"] == [{"error": "no such table: nosuch"}]


def test_clients_are_sent_to_the_leader_if_they_like(trio):
    follower = trio.followers()[0]
    reply = follower.client.send("POST", "/db/load?redirect&pretty", "SELECT 1")
    assert reply.status == 301
    assert reply.headers["Location"] == f"http://{trio.leader().address}/db/load?redirect&pretty"


def test_the_leader_asks_who_loads(make_member, home):
    users = [home / f"users{i}.json" for i in range(2)]
    users[0].write_text(json.dumps([user("*", "ready", "status", "join", "execute", "query")]))
    users[1].write_text(json.dumps([user("*", "ready", "status", "join", "execute", "query"),
                                    user("bob", "load")]))
    first = make_member("-auth", str(users[0]))
    first.start()
    first.client.must(TABLE)
    second = make_member("-auth", str(users[1]), first=first)
    second.start()
    reply = second.client.send("POST", "/db/load", "INSERT INTO t(v) VALUES(1)", basic("bob", "pw"))
    assert (reply.status, reply.text.strip()) == (401, "remote load not authorized")
    assert first.rows("strong") == 0


def test_nobody_boots_a_node_of_a_cluster(trio, home):
    content = database(home, "CREATE TABLE other(n)")
    for node in trio:
        reply = node.client.send("POST", "/boot", content)
        text = "not single-node" if node is trio.leader() else "not leader"
        assert (reply.status, reply.text.strip()) == (503, text)
    assert trio[0].rows("strong") == 0


@pytest.mark.parametrize("body", [b"SQLite format", b""])
def test_bodies_that_are_hardly_any(trio, body):
    for node in trio:
        assert node.client.send("POST", "/db/load", body).status == 200
