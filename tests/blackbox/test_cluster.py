"""Several nodes that are one cluster: joining, forwarding, failing over, leaving."""

import concurrent.futures
import http.client
import json
import re
import signal
import socket
import threading
import time

import pytest

from certificates import Authority
from exposition import parse
from guards import JSON, basic, user
from members import CALM, INSERT, TABLE, Member, Nodes, ids
from node import eventually, free_ports


# Joining.

def test_nodes_join_and_everybody_knows_them(trio):
    for node in trio:
        shown = node.client.send("GET", "/nodes").json
        assert ids(shown) == ["1", "2", "3"]
        for each, of in zip(trio, "123"):
            assert shown[of]["addr"] == each.raft_address
            assert shown[of]["api_addr"] == f"http://{each.address}"
            assert (shown[of]["voter"], shown[of]["reachable"]) == (True, True)
        assert [of for of in shown if shown[of]["leader"]] == ["1"]
        assert node.client.send("GET", "/leader").json["id"] == "1"
        listed = node.client.status("store.nodes")
        assert [(each["id"], each["suffrage"]) for each in listed] == [
            ("1", "voter"), ("2", "voter"), ("3", "voter")]
    assert trio[0].client.status("store.raft.num_peers") == 2
    assert trio[1].client.status("store.leader") == {"node_id": "1",
                                                    "addr": trio[0].raft_address}


def test_every_node_logs_who_leads(calm_trio):
    def said(node, leader):
        own = node is leader
        who = f"ID={leader.flags[1]}, addr=" if own else f"{leader.flags[1]} at "
        return ("[store] ", f"{'this node (' if own else 'node '}{who}{leader.raft_address}"
                             f"{')' if own else ''} is now Leader\n")

    def is_said(node, leader):
        start, end = said(node, leader)
        return any(line.startswith(start) and line.endswith(end)
                   for line in node.log().splitlines(keepends=True))

    for node in calm_trio:
        eventually(lambda: is_said(node, calm_trio[0]))
    body = {"id": "2"}
    assert calm_trio[0].client.send("POST", "/leader?wait", body,
                                    {"Content-Type": "application/json"}).status == 200
    for node in calm_trio:
        eventually(lambda: is_said(node, calm_trio[1]))


def test_a_node_that_joins_gets_what_is_there(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    for v in range(200):
        first.client.must([INSERT, v])
    second = make_member(first=first)
    second.start()
    # Ready means that it has all that was there.
    assert second.rows() == 200


def test_a_member_that_joins_again_is_one_already(trio):
    second = trio[1]
    assert second.stop() == 0
    second.start()
    assert "successfully joined cluster at" in second.log()
    assert ids(trio[0].client.send("GET", "/nodes").json) == ["1", "2", "3"]


def test_a_member_joins_by_way_of_a_follower(trio, make_member):
    fourth = make_member(first=trio.followers()[0])
    fourth.start()
    assert len(fourth.client.send("GET", "/nodes").json) == 4


def test_a_node_that_cannot_be_reached_is_no_member(make_member, home):
    """It would count against the majority of the one that let it in, for good."""
    first = make_member()
    first.start()
    nowhere = free_ports(1)[0]
    node = Member(home / "nowhere", "-node-id", "2", "-join", first.raft_address, "-raft-adv-addr",
                  f"127.0.0.1:{nowhere}", "-join-attempts", "2", "-join-interval", "50ms")
    code, log = node.fail_to_start()
    assert code == 1
    assert f"node at 127.0.0.1:{nowhere} cannot be reached: dial tcp" in log
    assert ids(first.client.send("GET", "/nodes").json) == ["1"]
    first.client.must(TABLE)


def test_reads_are_linearizable_right_after_members_have_changed(make_member):
    """No write comes between, and none has to."""
    first = make_member()
    first.start()
    first.client.must(TABLE)

    def read():
        began = time.monotonic()
        assert first.rows("linearizable") == 0
        assert time.monotonic() - began < 5  # a wait for what never comes ends after 10 s

    second = make_member(first=first)
    second.start()
    read()
    assert first.client.send("DELETE", "/remove", {"id": "2"}).status == 200
    read()


def test_a_node_cannot_join_nobody(make_member, home):
    node = Member(home / "alone", "-join", "127.0.0.1:1", "-join-attempts", "2",
                  "-join-interval", "50ms")
    code, log = node.fail_to_start()
    assert code == 1
    assert "failed to join via node at 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: " \
        "connection refused (did you forget to set -join-as?)" in log
    assert "after 2 attempt(s)" in log
    assert "clustering failure: failed to join cluster: failed to join cluster" in log


def test_a_node_that_waits_to_join_ends_on_a_signal(home):
    node = Member(home / "alone", "-join", "127.0.0.1:1", "-join-attempts", "1000")
    node.launch()
    eventually(lambda: "sleeping" in node.log())
    node.signal(15)
    assert node.wait() == 1
    assert "join operation canceled" in node.log()


@pytest.mark.parametrize("expect", [(), ("-bootstrap-expect", "3")])
def test_a_node_that_looks_at_silent_addresses_ends_on_a_signal(home, expect):
    """They take connections and say nothing, which is looked at before the joining begins."""
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in silent]
    node = Member(home / "alone", "-join", ",".join(addresses), *expect)
    node.launch()
    try:
        # All at once, and not one after the other's time.
        silent += [each.accept()[0] for each in silent]
        began = time.monotonic()
        node.signal(15)
        assert node.wait() == 1
        assert time.monotonic() - began < 1.5  # one address has two seconds
        assert "canceled" in node.log()
    finally:
        for each in silent:
            each.close()


def test_an_address_for_clients_is_no_address_to_join_at(make_member, home):
    first = make_member()
    first.start()
    node = Member(home / "alone", "-join", first.address)
    code, log = node.fail_to_start()
    assert code == 1
    assert f"join address {first.address} appears to be serving HTTP when it should be Raft" in log


@pytest.mark.parametrize("api_is_secret", [True, False])
def test_nor_is_one_where_clients_are_spoken_to_in_another_way(make_member, home, api_is_secret):
    authority = Authority(home, "nodes")
    pair = authority.issue("node")
    first = make_member(*(("-http-cert", pair.certificate, "-http-key", pair.key)
                          if api_is_secret else ()))
    first.tls = authority.client() if api_is_secret else None
    first.start()
    node = Member(home / "alone", "-join", first.address,
                  *(() if api_is_secret else ("-node-cert", pair.certificate, "-node-key", pair.key,
                                              "-node-ca-cert", authority.certificate)))
    code, log = node.fail_to_start()
    assert code == 1
    assert f"join address {first.address} appears to be serving HTTP when it should be Raft" in log


def test_a_node_without_tls_is_told_that_it_cannot_join_one_with_it(make_member, home):
    """Not that the address is another one's: it is right."""
    authority = Authority(home, "nodes")
    pair = authority.issue("node")
    first = make_member("-node-cert", pair.certificate, "-node-key", pair.key,
                        "-node-ca-cert", authority.certificate)
    first.start()
    node = Member(home / "alone", "-join", first.raft_address, "-join-attempts", "1")
    code, log = node.fail_to_start()
    assert code == 1
    assert f"failed to join via node at {first.raft_address}: " in log
    assert "serving HTTP" not in log


def test_a_node_that_was_alone_does_not_join(make_member):
    first, other = make_member(), make_member()
    first.start()
    other.start()
    assert other.stop() == 0
    other.flags = (*other.flags, "-join", first.raft_address)
    code, log = other.fail_to_start()
    assert code == 1
    assert "node is the only node in a single-node cluster, joining other clusters not " \
        "supported" in log


def test_a_second_node_with_the_name_of_one_that_lives_is_refused(trio, make_member):
    twin = make_member("-join-attempts", "1", first=trio[0], name="2")
    code, log = twin.fail_to_start()
    assert code == 1
    assert "node ID 2 is in use by a live node at" in log
    assert len(trio[0].client.send("GET", "/nodes").json) == 3


def test_a_node_with_an_empty_disk_is_somebody_new(trio):
    third = trio[2]
    for v in range(20):
        trio[0].client.must([INSERT, v])
    third.kill()
    for part in ("db.sqlite", "db.sqlite-wal", "db.sqlite-shm"):
        (third.data / part).unlink(missing_ok=True)
    for path in sorted((third.data / "raft").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    third.start()
    assert third.rows() == 20
    assert ids(trio[0].client.send("GET", "/nodes").json) == ["1", "2", "3"]
    assert trio[0].client.status("store.raft.num_peers") == 2


def test_a_node_that_has_moved_is_found_at_its_new_address(trio):
    third = trio[2]
    assert third.stop() == 0
    old = third.raft_address
    third.settle_at(third.host, *free_ports(2))
    third.start()
    shown = trio[0].client.send("GET", "/nodes").json
    assert shown["3"]["addr"] == third.raft_address != old
    assert len(shown) == 3
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    assert third.rows() == 1


# Every node answers everything.

def test_writes_and_reads_through_any_node(trio):
    leader = trio.leader()
    for count, node in enumerate(trio, 1):
        reply = node.client.execute([[INSERT, count]])
        assert reply.results == [{"last_insert_id": count, "rows_affected": 1}]
        served_by = node.address if node is leader else leader.raft_address
        assert reply.headers["X-Rqlite-Served-By"] == served_by
        for level in ("weak", "linearizable", "strong"):
            assert node.rows(level) == count
        reply = node.client.send("POST", "/db/request", [[INSERT, count], "SELECT 1"])
        assert reply.results[1]["values"] == [[1]]
        node.client.must(["DELETE FROM t WHERE id > ?", count])
    reply = trio[1].client.query(["SELECT 1"], level="none")
    assert reply.headers["X-Rqlite-Served-By"] == trio[1].address


def test_a_request_that_writes_is_the_leaders_at_each_level(make_member):
    """And one that only reads is not, where its level says so; a copy that reads says so itself."""
    first = make_member()
    first.start()
    first.client.must(TABLE)
    second, copy = make_member(first=first), make_member("-raft-non-voter", first=first)
    for node in (second, copy):
        node.start()
    for count, (node, level) in enumerate(((second, "none"), (second, "auto"), (copy, "none"),
                                           (copy, "auto")), 1):
        reply = node.client.send("POST", f"/db/request?level={level}", ["SELECT 1", [INSERT, count]])
        assert reply.results[1] == {"last_insert_id": count, "rows_affected": 1}
        assert reply.headers["X-Rqlite-Served-By"] == first.raft_address
    for node, level in ((second, "none"), (copy, "none"), (copy, "auto")):
        reply = node.client.send("POST", f"/db/request?level={level}", ["SELECT 1"])
        assert reply.headers["X-Rqlite-Served-By"] == node.address


def test_what_is_wrong_with_a_request_any_node_says(trio):
    for node in trio:
        assert node.client.send("POST", "/db/execute", "[").status == 400
        reply = node.client.execute(["NONSENSE"])
        assert 'near "NONSENSE": syntax error' in reply.results[0]["error"]


def test_a_write_that_is_too_slow_is_so_on_any_node(trio):
    slow = ("INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 100000000) SELECT max(i) FROM n")
    answers = {node.client.execute([slow], db_timeout="50ms").text for node in trio}
    assert len(answers) == 1
    assert trio[0].rows() == 0


def test_a_member_that_swallows_what_is_sent_takes_no_more_time_than_it_is_given(trio):
    """It is stopped, and the queue of its port for new connections is full: none is made, nor refused."""
    follower, asks = trio.followers()  # which have no connection to each other
    follower.signal(signal.SIGSTOP)
    waiting = []
    try:
        for _ in range(6000):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", follower.raft_port))
            waiting.append(each)
        began = time.monotonic()
        shown = asks.client.send("GET", "/nodes?timeout=500ms").json[follower.flags[1]]
        assert (shown["reachable"], shown["error"]) == (
            False, f"dial tcp {follower.raft_address}: i/o timeout")
        assert time.monotonic() - began < 10  # it was 30 s
    finally:
        for each in waiting:
            each.close()
        follower.signal(signal.SIGCONT)


def test_queued_writes_tell_how_long_their_statements_took_through_any_node(calm_trio):
    for node in calm_trio:
        reply = node.client.queue([[INSERT, 1], [INSERT, 2]], "wait", "results", "timings")
        assert [each["time"] > 0 for each in reply.results] == [True, True], node.flags


def test_queued_writes_through_any_node(trio):
    for node in trio:
        reply = node.client.queue([[INSERT, 1]], "wait")
        assert reply.status == 200 and reply.number > 0
        failed = node.client.queue([["INSERT INTO nowhere VALUES(1)"]], "wait")
        assert "no such table" in failed.results[0]["error"]
    assert trio[0].rows("strong") == 3
    trio.wait_until_equal()
    for node in trio:
        assert node.rows() == 3


def test_what_a_followers_queue_says_is_applied_is_read_at_the_leader(calm_trio):
    """Also while the leader has so much to do that followers are ahead of it, and behind."""
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    stop = threading.Event()

    def load():
        client = leader.new_client()
        while not stop.is_set():
            client.must(*[[INSERT, "x" * 2000]] * 200)

    loading = [threading.Thread(target=load) for _ in range(2)]
    for thread in loading:
        thread.start()
    try:
        for n in range(60):
            reply = follower.client.queue([[INSERT, n]], "wait")
            assert follower.client.state(reply.number) in ("persisted", "applied")
            for node in (leader, follower):
                assert node.client.column(NEWEST, n) == [n]
            reply = follower.client.queue([[INSERT, n]])
            assert follower.client.ask(reply.number, "wait").json["state"] == "applied"
    finally:
        stop.set()
        for thread in loading:
            thread.join()


# Whether it is among the last thousands of rows.
NEWEST = "SELECT DISTINCT v FROM t WHERE id > (SELECT max(id) FROM t) - 5000 AND v = ?"


def test_clients_are_sent_to_the_leader_if_they_like(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    reply = follower.client.execute([[INSERT, 1]], "redirect")
    assert (reply.status, reply.body) == (301, b"")
    assert reply.headers["Location"] == f"http://{leader.address}/db/execute?redirect"
    assert leader.client.execute([[INSERT, 1]], "redirect").status == 200
    assert follower.client.query(["SELECT 1"], "redirect", level="none").status == 200


# What is for the leader, and the type that its route gives to all answers.
FOR_THE_LEADER = [
    ("POST", "/db/execute?redirect&timings", [[INSERT, 1]], JSON),
    ("POST", "/db/execute?redirect", "", JSON),  # which only the leader looks at
    ("GET", "/db/query?redirect&q=SELECT%201", None, JSON),
    ("POST", "/db/query?redirect&level=strong", ["SELECT 1"], JSON),
    ("POST", "/db/request?redirect&level=linearizable", ["SELECT 1"], JSON),
    ("POST", "/db/request?redirect&level=none", ["SELECT 1", [INSERT, 1]], JSON),
    ("GET", "/db/backup?redirect", None, "application/octet-stream"),
    ("GET", "/db/backup?redirect&fmt=SQL&compress", None, "application/sql"),
    ("POST", "/db/load?redirect", "SELECT 1", None),
    ("DELETE", "/remove?redirect", {"id": "nobody"}, None),
    ("POST", "/leader?wait&redirect", None, JSON),
]


def test_clients_are_sent_to_the_leader_whatever_they_ask(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    for method, target, body, preset in FOR_THE_LEADER:
        reply = follower.client.send(method, target, body)
        assert (reply.status, reply.body, reply.headers.get("Content-Type"),
                reply.headers["Location"]) == (
            301, b"", preset, f"http://{leader.address}{target}"), target
        assert "X-Rqlite-Served-By" not in reply.headers


def test_clients_cannot_be_sent_to_a_leader_that_is_not_there(trio):
    """They hear it at once: to wait for the next one was not what they asked for."""
    leader, (follower, other) = trio.leader(), trio.followers()
    leader.kill()
    other.kill()
    eventually(lambda: follower.leader_address() == "")
    for count, (method, target, body, _) in enumerate(FOR_THE_LEADER, 1):
        reply = follower.client.send(method, target, body)
        assert (reply.status, reply.text) == (500, "leader not found\n"), target
        assert "Location" not in reply.headers
        assert follower.client.send("GET", "/debug/vars?key=http").json["http"][
            "leader_not_found"] == count
    assert follower.client.query(["SELECT 1"], "redirect", level="none").status == 200
    assert follower.client.send("GET", "/db/backup?redirect&noleader").status == 200


def test_clients_cannot_be_sent_to_a_leader_that_does_not_answer(calm_trio):
    leader, follower = calm_trio[:2]
    leader.signal(signal.SIGSTOP)
    try:
        reply = follower.client.query(["SELECT 1"], "redirect", timeout="200ms")
        assert (reply.status, reply.text) == (500, "leader not found\n")
    finally:
        leader.signal(signal.SIGCONT)


def test_a_backup_comes_from_the_leader(trio):
    for v in range(500):
        trio[0].client.must([INSERT, "x" * 1000])
    for node in trio:
        reply = node.client.send("GET", "/db/backup")
        assert reply.status == 200 and reply.body.startswith(b"SQLite format 3\0")
        assert len(reply.body) > 500_000


def test_large_results_go_through_as_they_are(trio):
    follower = trio.followers()[0]
    trio[0].client.must(["INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                         "i + 1 FROM n WHERE i < 20000) SELECT hex(zeroblob(50)) FROM n"])
    here = trio[0].client.query(["SELECT * FROM t"])
    there = follower.client.query(["SELECT * FROM t"])
    assert len(here.body) > 1_000_000 and there.body == here.body


def test_readiness_of_a_follower_with_its_leader(trio):
    follower = trio.followers()[0]
    reply = follower.client.send("GET", "/readyz?sync")
    assert reply.text == "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync ok\n[+]db ok"


def test_a_follower_is_not_ready_while_its_leader_does_not_answer(calm_trio):
    """And says so when the time is up that it is given, not when it loses its patience itself."""
    leader, follower = calm_trio[:2]
    leader.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        reply = follower.client.send("GET", "/readyz?timeout=200ms")
        assert time.monotonic() - began < 5  # it was 30 s
        assert reply.status == 503
        assert re.fullmatch(r"\[\+\]node ok\n\[\+\]leader not contactable: .*i/o timeout", reply.text)
    finally:
        leader.signal(signal.SIGCONT)
    assert follower.client.send("GET", "/readyz?timeout=20s").status == 200


def test_a_follower_that_was_away_is_ready_when_it_has_what_was_written(trio):
    """Not as soon as it hears the leader again: what `sync` waits for, the leader is asked then."""
    leader, follower = trio.leader(), trio.followers()[0]
    for round_ in range(1, 4):
        follower.signal(signal.SIGSTOP)
        for _ in range(50):
            leader.client.must([INSERT, round_])
        follower.signal(signal.SIGCONT)
        reply = eventually(lambda: (said := follower.new_client().send("GET", "/readyz?sync"))
                           .status == 200 and said)
        assert "[+]sync ok" in reply.text
        assert follower.rows() == 50 * round_


def test_how_stale_a_follower_may_be(trio):
    follower = trio.followers()[0]
    fresh = follower.client.query(["SELECT 1"], level="none", freshness="1s")
    assert fresh.results[0]["values"] == [[1]]
    for node in trio:
        if node is not follower:
            node.kill()

    def is_stale():
        reply = follower.client.query(["SELECT 1"], level="none", freshness="1s")
        return reply.json.get("error") == "stale read"

    eventually(is_stale)
    assert follower.client.query(["SELECT 1"], level="none").results[0]["values"] == [[1]]


def test_how_old_the_data_of_a_follower_may_be(trio):
    """Two writes that take long: while the second is applied, what the first did is old."""
    follower = trio.followers()[0]
    slow = ("INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 3000000) SELECT max(i) FROM n")

    def read(*flags):
        return follower.client.query(["SELECT count(*) FROM t"], *flags, level="none",
                                     freshness="300ms")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        writes = [pool.submit(trio.leader().new_client().execute, [slow]) for _ in range(4)]
        eventually(lambda: read("freshness_strict").json.get("error") == "stale read")
        assert "error" not in read().json
        for write in writes:
            assert write.result().status == 200
    trio.wait_until_equal()
    assert read("freshness_strict").results[0]["values"] == [[4]]


def test_reads_that_lose_their_leader_hear_that_there_is_none(trio):
    """The leader is cut off from a majority with reads under way: they hear 503 within the lease."""
    leader, followers = trio.leader(), trio.followers()
    for node in followers:
        node.signal(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            reads = [pool.submit(leader.new_client().query, ["SELECT 1"], level=level,
                                 linearizable_timeout="20s")
                     for level in ("strong", "linearizable")]
            for read in reads:
                assert (read.result().status, read.result().text) == (503, "leader not found\n")
    finally:
        for node in followers:
            node.signal(signal.SIGCONT)


@pytest.mark.parametrize("packs", [(True, False), (False, True), (False, False)])
def test_snapshots_are_packed_if_either_side_says_so(make_member, packs):
    flags = [["-raft-snap", "10", "-raft-snap-int", "100ms"] +
             (["-compress-snap-transport"] if each else []) for each in packs]
    first = make_member(*flags[0])
    first.start()
    first.client.must(TABLE)
    for _ in range(40):
        first.client.must("INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                          "i + 1 FROM n WHERE i < 100) SELECT hex(zeroblob(1000)) FROM n")
    eventually(lambda: first.client.status("store.snapshot_store.snapshots"))
    second = make_member(*flags[1], first=first)
    second.start()
    assert second.rows() == 4000
    sent, received = (parse(node.client.send("GET", "/metrics").text)[
        "rqlite_snapshot_transfer_bytes_total"].value(direction=direction)
        for node, direction in ((first, "out"), (second, "in")))
    assert sent == received
    size = first.client.status("store.sqlite3.db_size")
    assert sent < size / 10 if any(packs) else sent > size / 2


def test_a_member_that_does_not_fetch_its_snapshot_holds_nothing_up(make_member):
    first = make_member("-raft-snap-wal-size", "100000", "-raft-snap-int", "100ms")
    first.start()
    first.client.must(TABLE)
    for _ in range(20):
        first.client.must("INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                          "i + 1 FROM n WHERE i < 1000) SELECT hex(randomblob(500)) FROM n")
    second = make_member(first=first)
    second.launch()
    eventually(lambda: "sending the snapshot" in first.log(), every=0.0005)
    second.signal(signal.SIGSTOP)
    index = first.client.status("store.raft.last_snapshot_index")

    def goes_on():
        first.client.must([INSERT, "x" * 10000])
        return first.client.status("store.raft.last_snapshot_index") > index

    eventually(goes_on, within=30, every=0.05)
    second.signal(signal.SIGCONT)
    eventually(second.is_ready)
    assert second.rows("none") > 20000


# Failing over.

def test_the_others_go_on_without_the_leader(trio):
    for v in range(10):
        trio[0].client.must([INSERT, v])
    old = trio.leader()
    old.kill()
    leader = trio.leader()
    assert leader is not old
    for node in trio.living():
        node.client.must([INSERT, 1])
    assert leader.rows("strong") == 12
    old.start()
    trio.wait_until_equal()
    assert old.rows() == 12


def test_without_a_majority_nothing_is_acknowledged(trio):
    leader = trio.leader()
    for node in trio.followers():
        node.kill()
    reply = leader.client.execute([[INSERT, 1]])
    assert reply.json == {"results": [], "error": "leadership lost while committing log"} or \
        (reply.status, reply.text) == (503, "leader not found\n")
    eventually(lambda: leader.leader_address() == "")
    assert leader.client.execute([[INSERT, 1]]).status == 503
    assert leader.client.send("GET", "/readyz").status == 503
    assert leader.client.send("GET", "/nodes").json["1"]["reachable"]
    assert leader.rows("none") == 0


def test_all_nodes_restart_together(trio):
    for v in range(10):
        trio[v % 3].client.must([INSERT, v])
    for node in trio:
        node.kill()
    for node in trio:
        node.launch()
    for node in trio:
        eventually(node.is_ready)
    assert trio[1].rows("strong") == 10


def test_members_go_on_without_the_one_they_were_told_to_join(trio):
    """Its address is on their command lines for ever; the two others are a majority all the same."""
    trio[0].client.must([INSERT, 1])
    for node in trio:
        node.kill()
    for node in trio[1:]:
        node.launch()
    for node in trio[1:]:
        eventually(node.is_ready)
        eventually(lambda: "node HTTP API available at" in node.log())
        assert "this node is a member already, and its cluster has a leader" in node.log()
    trio[1].client.must([INSERT, 2])
    assert trio[2].rows("strong") == 2


def test_leadership_is_handed_over(trio):
    for target in ("2", "3", "1"):
        for node in trio:
            reply = node.client.send("POST", "/leader?wait", {"id": target},
                                     {"Content-Type": "application/json"})
            if reply.status == 200:
                break
            assert "cannot step down to the current Leader" in reply.text
        assert eventually(lambda: trio.leader() is trio[int(target) - 1])
        trio[0].client.must([INSERT, 1])
    assert trio[0].rows("strong") == 3


def test_leadership_is_handed_over_through_a_follower_without_waiting(calm_trio):
    for asked, target in ((1, "2"), (2, "3"), (1, "1")):
        reply = calm_trio[asked].client.send("POST", "/leader", {"id": target},
                                             {"Content-Type": "application/json"})
        assert (reply.status, reply.text) == (200, "")
        eventually(lambda: calm_trio.leader() is calm_trio[int(target) - 1])


def test_a_leader_that_is_dead_is_still_one_until_another_is_elected(calm_trio):
    leader, (follower, _) = calm_trio.leader(), calm_trio.followers()
    leader.kill()
    reply = follower.client.send("GET", "/leader")
    assert reply.status == 200
    shown = reply.json
    assert (shown["id"], shown["addr"]) == (leader.flags[1], leader.raft_address)
    assert (shown["reachable"], shown["leader"]) == (False, False)
    assert shown["error"] and "api_addr" not in shown


def test_without_a_majority_there_is_no_leader_to_be_shown(trio):
    leader, (follower, other) = trio.leader(), trio.followers()
    leader.kill()
    other.kill()
    eventually(lambda: follower.leader_address() == "")
    reply = follower.client.send("GET", "/leader")
    assert (reply.status, reply.text) == (503, "leader not found\n")


def test_a_node_that_hears_nobody_does_not_raise_the_term(trio):
    """It only asks whether it would get votes."""
    follower, *others = sorted(trio, key=lambda node: node is trio.leader())
    term = follower.client.status("store.raft.term")
    for node in others:
        node.signal(signal.SIGSTOP)
    try:
        eventually(lambda: follower.leader_address() == "")
        # Several times as long as it waits before it stands for election.
        until = time.monotonic() + 2
        while time.monotonic() < until:
            raft = follower.client.status("store.raft")
            assert (raft["term"], raft["state"]) in ((term, "Follower"), (term, "Candidate"))
    finally:
        for node in others:
            node.signal(signal.SIGCONT)
    trio.leader().client.must([INSERT, 1])


def test_when_a_node_heard_its_leader_last(calm_trio):
    leader, (follower, other) = calm_trio.leader(), calm_trio.followers()
    assert leader.client.status("store.raft.last_contact") == 0
    for node in (follower, other):
        assert re.fullmatch(r"[0-9.]+(ns|µs|ms|s)", node.client.status("store.raft.last_contact"))
    for node in calm_trio:
        node.kill()
    follower.launch()

    def has_heard_nobody():
        try:
            return follower.client.status("store.raft.last_contact") == "never"
        except OSError:
            return False

    eventually(has_heard_nobody)


def test_leadership_is_handed_over_among_those_who_have_not_talked_yet(trio, make_member):
    """Followers have nothing to say to each other, until one of them asks for votes."""
    fourth = make_member(first=trio[0])
    fourth.start()
    trio.wait_until_equal()
    for target in ("4", "2", "3", "1"):
        reply = trio.leader().client.send("POST", "/leader?wait", {"id": target},
                                          {"Content-Type": "application/json"})
        assert reply.status == 200, (target, reply.text)
        assert trio.leader() is trio[int(target) - 1]


def test_a_leader_that_stops_hands_over_first(trio):
    old = trio.leader()
    assert old.stop() == 0
    assert "stepping down as Leader before shutdown" in old.log()
    trio.leader(within=0.5)


def test_unless_it_is_told_not_to(make_member):
    nodes = [make_member("-raft-shutdown-stepdown=false", *CALM)]
    nodes[0].start()
    for _ in range(2):
        nodes.append(make_member("-raft-shutdown-stepdown=false", *CALM, first=nodes[0]))
        nodes[-1].start()
    assert nodes[0].stop() == 0
    assert "stepping down as Leader before shutdown" not in nodes[0].log()
    # Until their time is up nobody else leads.
    assert [node.client.status("store.raft.state") for node in nodes[1:]] == ["Follower"] * 2


def test_queued_writes_survive_a_change_of_leaders(trio):
    """Each is there once, in the order of its node's queue, whoever leads."""
    stop = threading.Event()
    accepted = {node: [] for node in trio}

    def write(node):
        client = node.new_client()
        number = 0
        while not stop.is_set():
            number += 1
            try:
                reply = client.queue([[INSERT, f"{node.raft_port}-{number}"]])
            except OSError:
                client.close()
                continue
            if reply.status == 200:
                accepted[node].append(number)

    threads = [threading.Thread(target=write, args=(node,)) for node in trio]
    for thread in threads:
        thread.start()
    try:
        for target in "231":
            eventually(lambda: trio[0].rows("none") > 50 * int(target))
            for node in trio:
                node.client.send("POST", "/leader?wait", {"id": target},
                                 {"Content-Type": "application/json"})
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for node in trio:
        assert node.client.queue([], "wait").status == 200
    for node in trio:
        rows = trio[0].client.query(
            [f"SELECT v FROM t WHERE v LIKE '{node.raft_port}-%' ORDER BY id"], level="strong")
        numbers = [int(row[0].split("-")[1]) for row in rows.results[0].get("values", [])]
        assert numbers == accepted[node]


# Leaving.

def test_the_first_request_to_a_leader_that_was_started_again_arrives(trio):
    """The connections that were kept to it are dead, which is no reason to fail."""
    leader, follower = trio.leader(), trio.followers()[0]
    target = {"id": leader.flags[1]}
    follower.client.must([INSERT, 1])
    assert follower.client.send("DELETE", "/remove", {"id": "nobody"}).status == 200
    assert leader.stop() == 0
    leader.start()
    eventually(lambda: follower.client.send("POST", "/leader?wait", target, {
        "Content-Type": "application/json"}).status == 200 or trio.leader() is leader)
    eventually(lambda: follower.leader_address() == leader.raft_address)
    assert follower.client.send("DELETE", "/remove", {"id": "nobody"}).status == 200
    follower.client.must([INSERT, 2])


def test_a_node_is_removed(trio):
    for node in trio:
        assert node.client.send("DELETE", "/remove", {"id": "nobody"}).status == 200
    follower = trio.followers()[0]
    name = follower.flags[1]
    reply = follower.client.send("DELETE", "/remove", {"id": name})
    assert (reply.status, reply.body) == (200, b"")
    leader = trio[0]
    assert name not in leader.client.send("GET", "/nodes").json
    eventually(lambda: follower.leader_address() == "")
    assert follower.rows() == 0
    leader.client.must([INSERT, 1])


def test_a_leader_that_is_removed_hands_over(trio):
    old = trio.leader()
    assert old.client.send("DELETE", "/remove", {"id": "1"}).status == 200
    rest = Nodes(trio[1:])
    leader = rest.leader()
    eventually(lambda: "1" not in leader.client.send("GET", "/nodes").json)
    leader.client.must([INSERT, 1])


def test_the_last_voter_stays(make_member):
    first = make_member()
    first.start()
    second = make_member("-raft-non-voter", first=first)
    second.start()
    reply = first.client.send("DELETE", "/remove", {"id": "1"})
    assert reply.status == 500 and "need at least one voter" in reply.text


def have_the_third_reaped(make_member, after):
    """Of a cluster of three, the third one dies; the first, which leads, and that one."""
    first = make_member("-raft-reap-node-timeout", after)
    first.start()
    nodes = [make_member(first=first) for _ in range(2)]
    for node in nodes:
        node.start()
    nodes[1].kill()
    eventually(lambda: ids(first.client.send("GET", "/nodes").json) == ["1", "2"])
    return first, nodes[1]


def test_members_that_are_gone_are_reaped(make_member):
    first, _ = have_the_third_reaped(make_member, "1s")
    assert "successfully reaped voting node 3" in first.log()


def test_who_comes_back_after_it_was_reaped_stays(make_member):
    first, third = have_the_third_reaped(make_member, "2s")
    third.start()
    time.sleep(1)
    assert ids(first.client.send("GET", "/nodes").json) == ["1", "2", "3"]
    assert first.log().count("reaped") == 1


def test_a_machine_that_was_suspended_reaps_nobody(make_member):
    flags = ("-raft-reap-node-timeout", "4s")
    nodes = [make_member(*flags)]
    nodes[0].start()
    for _ in range(2):
        nodes.append(make_member(*flags, first=nodes[0]))
        nodes[-1].start()
    nodes[0].client.must(TABLE)
    for node in nodes:
        node.signal(signal.SIGSTOP)
    time.sleep(5)
    for node in nodes:
        node.signal(signal.SIGCONT)
    eventually(lambda: nodes[0].client.execute([[INSERT, 1]]).results[0].get("rows_affected") == 1)
    assert ids(make_member.all.leader().client.send("GET", "/nodes").json) == ["1", "2", "3"]
    assert not any("reaped" in node.log() for node in nodes)


def test_the_leader_says_once_that_a_member_is_silent_and_that_it_is_back(calm_trio):
    leader, third = calm_trio[0], calm_trio[2]
    silent = f"[cluster] node 3 at {third.raft_address} has not been heard of for 5s"
    back = f"node 3 at {third.raft_address} is heard of again"
    third.kill()
    without_times = lambda: re.sub(r" \d{4}/\d\d/\d\d [0-9:]{8}", "", leader.log())
    eventually(lambda: silent in without_times())
    third.start()
    eventually(lambda: back in leader.log())
    assert without_times().count(silent) == leader.log().count(back) == 1
    assert not any("has not been heard of" in node.log() for node in calm_trio[1:])


# Copies that only read.

def test_a_node_without_a_vote(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    reader = make_member("-raft-non-voter", first=first)
    reader.start()
    assert ids(first.client.send("GET", "/nodes").json) == ["1"]
    assert not first.client.send("GET", "/nodes?nonvoters").json["2"]["voter"]
    assert reader.client.status("store.raft.voter") is False
    assert reader.client.execute([[INSERT, 1]]).results[0]["rows_affected"] == 1
    assert reader.rows("linearizable") == 1
    make_member.all.wait_until_equal()
    reply = reader.client.query(["SELECT count(*) FROM t"], level="auto")
    assert reply.headers["X-Rqlite-Served-By"] == reader.address
    for node in (first, reader):
        for wait in ("", "?wait"):
            reply = node.client.send("POST", "/leader" + wait, {"id": "2"},
                                     {"Content-Type": "application/json"})
            assert (reply.status, reply.text) == (
                500, "stepdown: cannot step down to a non-voting node\n")
    # It does not count.
    reader.kill()
    first.client.must([INSERT, 1])


# Who may do what.

def test_nodes_show_who_they_are_when_they_join(make_member, home):
    users = home / "users.json"
    users.write_text(json.dumps([
        user("nodes", "join"), user("copies", "join-read-only"), user("ops", "all"),
        user("writer", "execute")]))
    first = make_member("-auth", str(users))
    first.login = basic("ops", "pw")
    first.start()
    stranger = make_member("-join-attempts", "1", first=first)
    code, log = stranger.fail_to_start()
    assert code == 1 and "unauthorized (did you forget to set -join-as?)" in log
    # One who is not in the file of users, or has none, is nobody, too.
    for flags in (("-auth", str(users), "-join-as", "nobody"), ("-join-as", "nodes")):
        stranger = make_member("-join-attempts", "1", *flags, first=first)
        code, log = stranger.fail_to_start()
        assert code == 1 and "unauthorized (did you forget to set -join-as?)" in log
    copy = make_member("-raft-non-voter", "-auth", str(users), "-join-as", "nodes",
                       "-join-attempts", "1", first=first)
    code, log = copy.fail_to_start()
    assert code == 1 and "unauthorized" in log and "did you forget" not in log
    second = make_member("-auth", str(users), "-join-as", "nodes", first=first)
    second.login = basic("ops", "pw")
    second.start()
    # As a follower the one that nobody told to join does so, too.
    for node in (first, second):
        assert "WARNING: passwords go to other nodes in clear" in node.log()
    login = basic("ops", "pw")
    assert second.client.send("POST", "/db/execute", [TABLE], login).results == [{}]
    # The leader looks at the login, too.
    assert second.client.send("POST", "/db/execute", [[INSERT, 1]], basic("writer", "pw")).status \
        == 200
    assert second.client.send("GET", "/db/backup", None, basic("writer", "pw")).status == 401


def test_the_leader_refuses_what_its_own_file_does_not_allow(unlike_files):
    first, second = unlike_files
    bob = basic("bob", "pw")
    for method, path, body, text in [
            ("POST", "/db/execute", ["SELECT 1"], "remote Execute not authorized"),
            ("POST", "/db/request", ["INSERT INTO t(v) VALUES(1)"],
             "remote Request not authorized"),
            ("GET", "/db/backup", None, "remote backup not authorized"),
            ("DELETE", "/remove", {"id": "1"}, "remote remove node not authorized"),
            ("POST", "/leader?wait", None, "remote stepdown not authorized")]:
        reply = second.client.send(method, path, body, bob)
        assert (reply.status, reply.text.strip()) == (401, text)
    assert second.client.send("GET", "/db/query?q=SELECT%201", None, bob).status == 200


def test_nodes_of_another_cluster_are_strangers(make_member):
    first, other = make_member(), make_member()
    first.start()
    other.start()
    peer = http.client.HTTPConnection(first.host, first.raft_port, timeout=5)
    for path in ("/peer/1/meta", "/peer/1/snapshot", "/peer/1/stream", "/peer/1/forward/status"):
        for headers in ({}, {"Rqlite-Cluster": "made-up"}):
            peer.request("GET", path, headers=headers)
            reply = peer.getresponse()
            assert reply.status == 403
            assert b"another cluster" in reply.read()
    peer.request("GET", "/status")
    assert peer.getresponse().status == 404


def test_a_snapshot_leaves_as_much_of_the_log_as_is_asked_for(calm_trio):
    client = calm_trio.leader().client
    for _ in range(18):  # six segments of the log, of which two may be kept for what comes
        client.must(["INSERT INTO t(v) VALUES(?)", "x" * 5_000_000])
    calm_trio.wait_until_equal()
    for node in calm_trio:
        assert node.client.status("store.trailing_logs") == 10240
        assert node.client.send("POST", "/snapshot").status in (200, 204)
        assert len(node.log_segments()) >= 6
    client.must("INSERT INTO t(v) VALUES(1)")
    calm_trio.wait_until_equal()
    for node in calm_trio:
        assert node.client.send("POST", "/snapshot?trailing_logs=2").status == 200
        assert eventually(lambda: len(node.log_segments()) <= 4)


def test_a_copy_forgets_a_leader_that_is_gone(make_member):
    """It stands for no election in which it would notice."""
    first = make_member()
    first.start()
    first.client.must(TABLE, [INSERT, 1])
    reader = make_member("-raft-non-voter", first=first)
    reader.start()
    first.kill()
    eventually(lambda: reader.leader_address() == "")
    assert reader.client.send("GET", "/readyz").status == 503
    assert reader.rows("none") == 1
    first.start()
    eventually(reader.is_ready)
    assert reader.client.execute([[INSERT, 2]]).results[0]["rows_affected"] == 1


def test_a_copy_that_missed_its_removal_knows_no_leader(make_member):
    first = make_member()
    first.start()
    reader = make_member("-raft-non-voter", first=first)
    reader.start()
    reader.signal(signal.SIGSTOP)
    try:
        assert first.client.send("DELETE", "/remove", {"id": "2"}).status == 200
    finally:
        reader.signal(signal.SIGCONT)
    eventually(lambda: reader.leader_address() == "")
    assert reader.client.send("GET", "/readyz").status == 503
