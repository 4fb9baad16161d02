"""/db/load and /boot on nodes of a cluster."""

import json
import re
import signal
import threading
from pathlib import Path

import pytest

from disk import MEBI, Ballast
from guards import basic, user
from members import TABLE
from node import eventually
from queues import in_background
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


def test_large_sql_text_goes_through_as_it_comes(calm_trio):
    text = "INSERT INTO t(v) VALUES('" + "x" * 1_000_000 + "');"
    follower = calm_trio.followers()[0]
    reply = follower.client.send("POST", "/db/load", text * 20)
    assert reply.status == 200 and "error" not in reply.json, reply.text
    check_equal(calm_trio)
    assert calm_trio[0].rows("strong") == 20


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


def rows_of(count):
    return ("CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
            f"{count}) INSERT INTO t(v) SELECT hex(randomblob(500)) FROM n")


def test_a_database_goes_through_any_node(trio, home):
    for loads, node in enumerate(trio, 1):
        reply = node.client.send("POST", "/db/load?timings", database(home, *rows_of(3000 * loads)))
        assert reply.status == 200 and reply.json["results"] == [], reply.text
        assert trio[0].rows("strong") == 3000 * loads
        trio.leader().client.must("INSERT INTO t(v) VALUES(1)")
        check_equal(trio)
    for node in trio:
        node.restart()
    trio.leader()
    check_equal(trio)
    assert trio[0].rows("linearizable") == 9001
    for node in trio:
        assert not list((node.data / "aside").iterdir())


def test_a_database_that_is_none_is_refused_by_any_node(trio, home):
    damaged = bytearray(database(home, *rows_of(100)))
    damaged[5000:9000] = b"\1" * 4000
    for node in trio:
        reply = node.client.send("POST", "/db/load", bytes(damaged))
        assert reply.status in (400, 500) and reply.text, reply.status
    assert trio[0].rows("strong") == 0


def test_who_joins_later_or_was_away_has_the_database(trio, home, make_member):
    away = trio.followers()[0]
    away.stop()
    assert trio.leader().client.send("POST", "/db/load", database(home, *rows_of(20000))).status == 200
    away.start()
    late = make_member(first=trio.leader())
    late.start()
    check_equal(trio)
    assert late.rows() == 20000


# What a client hears whose leader dies before it answers.

MUCH = 50_000_000  # that fits into no connection's buffers
LITTLE = 20_000  # that does, and is more than members have to say to each other


def unread_bytes(port):
    """The most that a connection to that port has received and nobody has read."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return max((int(queues.split(":")[1], 16) for _, local, _, state, queues, *_ in lines
                if state == "01" and int(local.split(":")[1], 16) == port), default=0)


def lose_the_leader_under(trio, body):
    """The reply to what a follower is to load, whose leader takes what fits into the connection's
    buffers and is killed then."""
    leader, follower = trio.leader(), trio.followers()[0]
    leader.signal(signal.SIGSTOP)
    asked, replies = in_background(lambda: follower.new_client().send("POST", "/db/load", body))
    eventually(lambda: unread_bytes(leader.raft_port) >= min(len(body), 2 * LITTLE))
    leader.signal(signal.SIGKILL)
    asked.join()
    return replies[0]


LOST = "(read|write) tcp .*: (EOF|connection reset by peer|broken pipe)"


@pytest.mark.parametrize("padding, said", [
    (MUCH, "the database was not loaded: not all of the request was sent"),
    (LITTLE, "it is unknown whether the database was loaded")])
def test_who_loads_a_database_hears_what_may_have_come_of_it(calm_trio, home, padding, said):
    content = database(home, "CREATE TABLE other(n)", f"INSERT INTO other VALUES(zeroblob({padding}))")
    reply = lose_the_leader_under(calm_trio, content)
    assert reply.status == 500
    assert re.fullmatch(f"{said}: {LOST}\n", reply.text), reply.text


@pytest.mark.parametrize("padding, said", [
    (MUCH, "the SQL was not executed: not all of the request was sent"),
    (LITTLE, "it is unknown whether the SQL was executed")])
def test_who_loads_sql_text_hears_what_may_have_come_of_it(calm_trio, padding, said):
    text = "INSERT INTO t(v) VALUES('" + "x" * padding + "')"
    reply = lose_the_leader_under(calm_trio, text)
    assert (reply.status, reply.json["results"]) == (200, [])
    assert re.fullmatch(f"{said}: {LOST}", reply.json["error"]), reply.text


@pytest.mark.parametrize("victim", ["the leader", "a follower"])
def test_a_kill_in_the_middle_leaves_all_or_nothing(trio, home, victim):
    trio.leader().client.must("INSERT INTO t(v) VALUES('before')")
    content = database(home, *rows_of(60000))
    leader = trio.leader()
    watched = trio.followers()[0]
    replies = []

    def send():
        try:
            replies.append(leader.client.send("POST", "/db/load", content).status)
        except OSError:
            replies.append(None)

    load = threading.Thread(target=send)
    load.start()
    aside = watched.data / "aside"
    assert eventually(lambda: any(each.stat().st_size for each in aside.iterdir()))
    killed = leader if victim == "the leader" else watched
    killed.kill()
    load.join()
    killed.start()
    check_equal(trio)
    rows = trio.leader().rows("linearizable")
    assert rows in (1, 60000)
    if replies[0] == 200:
        assert rows == 60000
    trio.leader().client.must("INSERT INTO t(v) VALUES('after')")
    check_equal(trio)
    # It takes a snapshot for what came of the file to be forgotten.
    for node in trio:
        node.client.send("POST", "/snapshot")
        assert eventually(lambda: not list((node.data / "aside").iterdir()))


# A leader that has room for the file, but not for the log that it goes through, and a follower that
# has room for neither. Each has two segments of the log ready, of 16 MiB.
@pytest.mark.parametrize("whose, rows, room", [("the leader's", 36000, 38 * MEBI),
                                               ("a follower's", 22000, 18 * MEBI)])
def test_a_database_for_which_a_disk_has_no_room(make_member, small_disk, home, whose, rows, room):
    def directory(is_leader):
        return {"directory": small_disk / "node"} if is_leader == (whose == "the leader's") else {}

    first = make_member(**directory(True))
    first.start()
    first.client.must(TABLE)
    first.client.must("INSERT INTO t(v) VALUES('before')")
    others = [make_member(first=first, **directory(False)), make_member(first=first)]
    for node in others:
        node.start()
    nodes = make_member.all
    nodes.wait_until_equal()
    small = first if whose == "the leader's" else others[0]
    content = database(home, *rows_of(rows))
    ballast = Ballast(small_disk)
    ballast.fill(room)
    reply = first.client.send("POST", "/db/load", content)
    # The majority of the others is enough, if the leader itself has room.
    assert reply.status == (500 if small is first else 200), reply.text

    def insert(value):
        reply = nodes.leader().client.execute([["INSERT INTO t(v) VALUES(?)", value]])
        return reply.status == 200 and "error" not in reply.text

    # A leader with a full disk hands over meanwhile.
    assert eventually(lambda: insert("meanwhile"))
    ballast.drop()
    assert eventually(lambda: insert("after"))
    assert eventually(lambda: len({dump(node) for node in nodes}) == 1)
    assert small.rows() == (1 if small is first else rows) + 2
