"""What goes wrong in a careless cluster, where no other file has the test: docs/hazards.md has all."""

import gzip
import hashlib
import http.client
import random
import shutil
import signal
import sqlite3
import time

import pytest

from certificates import Authority
from client import Client
from guards import basic
from members import INSERT, TABLE, Nodes, ids
from node import eventually, free_ports, run
from recovery import dump, forget_to_join, peers, put, stop_all
from writers import Ledger, Writers, plain
from writers import TABLE as WRITTEN


def never(condition, within=3.0):
    """It does not come to hold."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        assert not condition()
        time.sleep(0.02)


# 1: a member that lost its disk has forgotten what it acknowledged, and its vote.

def test_a_member_that_lost_its_disk_elects_nobody(trio):
    """Rows are on the leader and on one follower. Both are lost, the follower with its disk: with its
    old vote it could make the third one leader, which never saw them."""
    leader, (emptied, late) = trio.leader(), trio.followers()
    late.kill()
    for v in range(10):
        leader.client.must([INSERT, v])
    leader.kill()
    emptied.kill()
    shutil.rmtree(emptied.data)
    forget_to_join(emptied)
    emptied.flags += ("-join", f"{late.raft_address},{leader.raft_address}",
                      "-join-attempts", "1000", "-join-interval", "100ms")
    forget_to_join(late)
    late.launch()
    emptied.launch()
    eventually(lambda: "failed to join via node at" in emptied.log())
    never(lambda: late.leader_address() or emptied.leader_address())
    leader.launch()
    for node in trio:
        eventually(node.is_ready)
        assert node.rows("strong") == 10
    assert ids(leader.client.send("GET", "/nodes").json) == ["1", "2", "3"]


# 3: a node with a cluster of its own.

def test_a_cluster_of_one_is_not_added_to_another(make_member):
    """Not by the list of nodes to begin a cluster with, either; both go on as they were."""
    nodes = [make_member() for _ in range(4)]
    *founders, alone = nodes
    listed = ",".join(node.raft_address for node in founders)
    for node in founders:
        node.flags += ("-bootstrap-expect", "3", "-join", listed)
        node.launch()
    for node in founders:
        eventually(node.is_ready)
    founders[0].client.must(TABLE, "INSERT INTO t VALUES(1, 'theirs')")
    alone.start()
    alone.client.must(TABLE, "INSERT INTO t VALUES(1, 'its own')")
    assert alone.stop() == 0
    alone.flags += ("-bootstrap-expect", "3", "-join", listed)
    alone.launch()
    eventually(alone.is_ready)
    never(lambda: len(founders[0].client.send("GET", "/nodes").json) != 3, 2)
    assert ids(alone.client.send("GET", "/nodes").json) == ["4"]
    for node, mine in ((founders[1], "theirs"), (alone, "its own")):
        rows = node.client.query(["SELECT v FROM t"], level="strong").results[0]["values"]
        assert rows == [[mine]]
        node.client.must([INSERT, "and goes on"])


# 4: a voter that cannot be reached.

def test_a_node_that_the_leader_does_not_trust_is_no_voter(make_member, home):
    """It can reach the leader, but the leader refuses its certificate: as a voter it would cost the
    only other one its majority."""
    authority, other = Authority(home, "nodes"), Authority(home, "others")
    pair, wrong = authority.issue("node"), other.issue("node")
    first = make_member("-node-cert", pair.certificate, "-node-key", pair.key,
                        "-node-ca-cert", authority.certificate)
    first.start()
    first.client.must(TABLE)
    second = make_member("-node-cert", wrong.certificate, "-node-key", wrong.key, "-node-no-verify",
                         "-join-attempts", "2", "-join-interval", "50ms", first=first)
    code, log = second.fail_to_start()
    assert code == 1
    assert f"node at {second.raft_address} cannot be reached" in log
    assert ids(first.client.send("GET", "/nodes").json) == ["1"]
    first.client.must([INSERT, 1])


# 8: nodes that are recovered together, whatever they hold.

def test_survivors_with_another_entry_at_the_same_place_stay_apart(trio):
    """Their logs are equally long, and differ in the last entry."""
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    old, (held, other) = trio.leader(), trio.followers()
    held.kill()
    other.kill()
    with pytest.raises((OSError, AssertionError)):
        old.new_client(timeout=1).must([INSERT, "never acknowledged"])
    old.kill()
    for node in (held, other):
        forget_to_join(node)
        node.launch()
    # The entry with which the next one begins to lead takes that place.
    Nodes((held, other)).leader()
    eventually(lambda: held.rows("linearizable") == 1)
    stop_all(trio)
    pair = Nodes((old, held))
    for node in pair:
        forget_to_join(node)
        put(node, peers(*pair))
        node.launch()
    for node in pair:
        eventually(lambda: "node HTTP API available" in node.log())
    eventually(lambda: any("was recovered from other data" in node.log() for node in pair))
    never(lambda: any(node.leader_address() for node in pair), 2)
    assert (old.rows(), held.rows()) == (2, 1)
    assert len({node.client.status("store.raft.last_log_index") for node in pair}) == 1


@pytest.mark.parametrize("seed", range(6))
def test_survivors_of_anything_are_one_cluster_with_equal_data_or_none(trio, seed):
    """All nodes die under load, some of them held up for a while before. Two are recovered together:
    they run as one cluster, with all that was acknowledged, or not at all."""
    chance = random.Random(seed)
    trio[0].client.must(WRITTEN)
    trio.wait_until_equal()
    ledger = Ledger()
    writers = [Writers(node, ledger, f"{node.raft_port}", plain, plain) for node in trio]
    time.sleep(chance.uniform(0.05, 0.3))
    for node in chance.sample(trio, chance.randrange(3)):
        node.signal(signal.SIGSTOP)
        time.sleep(chance.uniform(0, 0.5))
    for node in chance.sample(trio, 3):
        node.process.kill()
    for each in writers:
        each.join()
    stop_all(trio)
    pair = Nodes(chance.sample(trio, 2))
    for node in pair:
        node.kill()
        forget_to_join(node)
        put(node, peers(*pair))
        node.launch()
    for node in pair:
        eventually(lambda: "node HTTP API available" in node.log())
    refused = "was recovered from other data"
    eventually(lambda: any(refused in node.log() for node in pair) or
               all(node.leader_address() for node in pair))
    if any(refused in node.log() for node in pair):
        never(lambda: any(node.leader_address() for node in pair), 2)
        return
    pair.leader()
    ledger.check(pair[0].client)
    pair.wait_until_equal()
    assert dump(pair[0]) == dump(pair[1])


# 13: an answer of another node that was not read to its end.

def test_a_refused_backup_leaves_nothing_behind(unlike_files):
    """What comes next between the two nodes is answered, at once, and done once."""
    first, second = unlike_files
    bob, ops = basic("bob", "pw"), basic("ops", "pw")
    second.client.send("POST", "/db/execute", [TABLE], ops)
    for number in range(1, 21):
        began = time.monotonic()
        for path in ("/db/backup", "/db/backup?compress", "/db/backup?fmt=sql"):
            assert second.client.send("GET", path, None, bob).status == 401
        reply = second.client.send("POST", "/db/execute", [[INSERT, number]], ops)
        assert reply.results == [{"last_insert_id": number, "rows_affected": 1}]
        shown = second.client.send("GET", "/nodes", None, ops).json
        assert all(each["reachable"] for each in shown.values())
        assert time.monotonic() - began < 10  # a call that waits for its end takes 30 s
    assert second.client.send("POST", "/db/query?level=strong", ["SELECT count(*) FROM t"],
                              ops).results[0]["values"] == [[20]]


def test_a_backup_that_nobody_wants_any_more_leaves_nothing_behind(trio, home):
    follower = trio.followers()[0]
    follower.client.must(["INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                          "FROM n WHERE i < 20000) SELECT hex(randomblob(500)) FROM n"])
    for number in range(1, 6):
        began = time.monotonic()
        impatient = http.client.HTTPConnection(follower.host, follower.port, timeout=20)
        impatient.request("GET", "/db/backup")
        assert impatient.getresponse().read(1000).startswith(b"SQLite format 3")
        impatient.close()
        follower.client.must([INSERT, number])
        assert follower.rows("linearizable") == 20000 + number
        reply = follower.client.send("GET", "/db/backup?compress")
        assert time.monotonic() - began < 20
        copy = home / "copy"
        copy.write_bytes(gzip.decompress(reply.body))
        with sqlite3.connect(copy) as database:
            assert database.execute("SELECT count(*) FROM t").fetchone() == (20000 + number,)


# 17: two processes and one data directory.

def digests(directory):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file()}


def test_a_second_process_touches_nothing_of_a_live_directory(start_node):
    node = start_node()
    node.client.must(TABLE, [INSERT, 1])
    before = digests(node.data)
    ended = run(*(word for port, flag in zip(free_ports(2), ("-http-addr", "-raft-addr"))
                  for word in (flag, f"127.0.0.1:{port}")), node.data)
    assert ended.returncode == 1
    assert "another process uses this data directory" in ended.stderr
    assert digests(node.data) == before
    node.client.must([INSERT, 2])
    node.restart()
    assert node.client.value("SELECT count(*) FROM t") == 2


# 18: a voter without data.

def test_a_new_voter_is_ready_when_it_has_the_data(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    for _ in range(4):
        first.client.must(["INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                           "FROM n WHERE i < 20000) SELECT hex(randomblob(250)) FROM n"])
    for _ in range(2):
        node = make_member(first=first)
        node.launch()
        said = []
        eventually(lambda: said.append(status_of(node)) or said[-1] == 200)
        assert node.rows("none") == 80_000
        assert 503 in said
        assert first.client.send("GET", "/nodes").json[node.flags[1]]["voter"]


def status_of(node):
    try:
        return Client(node.host, node.port, timeout=10).send("GET", "/readyz").status
    except OSError:
        return None
