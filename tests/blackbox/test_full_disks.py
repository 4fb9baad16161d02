"""A leader whose disk is full hands over to a member that can write, and comes back."""

import concurrent.futures
import time

import pytest

from disk import MEBI, Ballast
from members import CALM
from node import eventually
from test_cluster_figures import value
from writers import INSERT, TABLE, Ledger, Writers, plain

ROW = "x" * 100_000


def write_until_refused(client, ledger, name):
    """What the refusal says."""
    for n in range(2000):
        key = f"{name}/{n}/{ROW}"
        ledger.attempt(key)
        reply = client.execute([[INSERT, key]])
        if reply.status != 200 or "error" in reply.text:
            return reply.json["error"]
        ledger.acknowledge(key)
    raise AssertionError("the disk is never full")


def write_some(node, ledger, name):
    client = node.new_client()
    for n in range(10):
        key = f"{name}/{n}"
        ledger.attempt(key)
        assert plain(client, key), key
        ledger.acknowledge(key)


def another_leads(full, others):
    return next((node for node in others if node.client.status("store.raft.state") == "Leader" and
                 full.leader_address() == node.raft_address), None)


@pytest.mark.parametrize("leave", [0, 6 * MEBI])
def test_a_leader_with_a_full_disk_hands_over(make_member, small_disk, leave):
    full = make_member(*CALM, directory=small_disk / "node")
    full.start()
    others = [make_member(*CALM, first=full) for _ in range(2)]
    for node in others:
        node.start()
    full.client.must(TABLE)
    nodes = make_member.all
    nodes.wait_until_equal()
    ballast, ledger = Ballast(small_disk), Ledger()
    ballast.fill(leave)
    # Clients of all nodes, of which some hear that the disk is full; none loses anything.
    clients = [Writers(node, ledger, f"{node.raft_port}", plain, plain) for node in nodes]
    try:
        assert "disk is full" in write_until_refused(full.client, ledger, "full")
        new = eventually(lambda: another_leads(full, others))
        for node in nodes:
            write_some(node, ledger, f"after {node.raft_port}")
        assert f"disk is full: asking node {new.flags[1]} at {new.raft_address} to lead" in full.log()
        assert full.client.query(["SELECT 1"], level="none").status == 200
        # It does not want to lead while that lasts.
        reply = new.client.send("POST", "/leader?wait", {"id": "1"},
                                {"Content-Type": "application/json"})
        assert (reply.status, reply.text) == (500, "stepdown: leadership transfer timeout\n")
    finally:
        for each in clients:
            each.stop()
    ballast.drop()
    nodes.wait_until_equal()
    for node in nodes:
        ledger.check(node.client)
    reply = nodes.leader().client.send("POST", "/leader?wait", {"id": "1"},
                                       {"Content-Type": "application/json"})
    assert reply.status == 200
    assert nodes.leader() is full
    write_some(full, ledger, "at last")
    ledger.check(full.client)


def test_a_follower_with_a_full_disk_says_so(make_member, small_disk):
    """And nobody else, for others have room, and its log has entries that it cannot apply."""
    leader = make_member(*CALM)
    leader.start()
    full = make_member(*CALM, first=leader, directory=small_disk / "node")
    last = make_member(*CALM, first=leader)
    for node in (full, last):
        node.start()
    leader.client.must(TABLE)
    make_member.all.wait_until_equal()

    def stalled():
        return [value(node, "rqlite_store_stalled") for node in (leader, full, last)]

    def unapplied():
        return value(full, "rqlite_raft_commit_index") - value(full, "rqlite_raft_applied_index")

    assert stalled() == [0, 0, 0]
    ballast = Ballast(small_disk)
    ballast.fill(0)
    for n in range(100):
        assert plain(leader.client, f"full/{n}/{ROW}")
    eventually(lambda: stalled() == [0, 1, 0])
    assert unapplied() > 0
    ballast.drop()
    eventually(lambda: stalled() == [0, 0, 0])
    make_member.all.wait_until_equal()
    assert unapplied() == 0


def test_without_a_majority_that_has_room_the_leader_stays(make_member, small_disks):
    """It says that the disk is full, and reads go on; until another disk has room again."""
    leader = make_member(*CALM, directory=small_disks[0] / "node")
    leader.start()
    follower = make_member(*CALM, first=leader, directory=small_disks[1] / "node")
    last = make_member(*CALM, first=leader)
    for node in (follower, last):
        node.start()
    leader.client.must(TABLE)
    make_member.all.wait_until_equal()
    ledger = Ledger()
    of_leader, of_follower = Ballast(small_disks[0]), Ballast(small_disks[1])
    of_follower.fill(0)
    for n in range(100):
        key = f"before/{n}/{ROW}"
        ledger.attempt(key)
        assert plain(leader.client, key)
        ledger.acknowledge(key)
    # It waits for room.
    assert follower.client.query(["SELECT count(*) FROM written"],
                                 level="none").results[0]["values"][0][0] < 100
    of_leader.fill(0)
    assert "disk is full" in write_until_refused(leader.client, ledger, "full")
    until = time.monotonic() + 3
    while time.monotonic() < until:
        key = f"small/{time.monotonic()}"
        ledger.attempt(key)
        reply = leader.client.execute([[INSERT, key]])
        if "error" in reply.text:
            assert "disk is full" in reply.json["error"]
        else:
            ledger.acknowledge(key)
        for level in ("weak", "linearizable"):
            assert leader.client.query(["SELECT count(*) FROM written"], level=level).status == 200
        assert leader.client.status("store.raft.state") == "Leader"
    of_follower.drop()
    eventually(lambda: another_leads(leader, (follower, last)))
    for node in make_member.all:
        write_some(node, ledger, f"after {node.raft_port}")
    of_leader.drop()
    make_member.all.wait_until_equal()
    for node in make_member.all:
        ledger.check(node.client)


def test_a_leader_of_whom_no_majority_stores_anything_says_so(make_member, small_disk):
    """Its only follower has no room: what it sends is never committed, not even that it leads."""
    first = make_member()
    first.start()
    leader = make_member(first=first)
    full = make_member(first=first, directory=small_disk / "node")
    for node in (leader, full):
        node.start()
    first.client.must(TABLE)
    make_member.all.wait_until_equal()
    ballast = Ballast(small_disk)
    ballast.fill(0)
    for n in range(400):
        assert plain(first.client, f"full/{n}/{ROW}")
    first.kill()
    eventually(lambda: leader.client.status("store.raft.state") == "Leader")
    assert value(leader, "rqlite_raft_commit_stalled") == 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        def ask(path, *body):
            return pool.submit(leader.new_client().send, "POST", path, [*body])
        write = ask("/db/execute", [INSERT, "unknown"])
        strong = ask("/db/query?level=strong", "SELECT 1")
        began = time.monotonic()
        for node in (leader, full):
            reply = node.new_client().query(["SELECT 1"], level="linearizable",
                                            linearizable_timeout="500ms")
            assert "timeout" in reply.text
        assert time.monotonic() - began < 10
        # After half a minute nobody waits any longer, and nobody else begins to.
        assert "no majority has stored it in time" in write.result().text
        assert "no majority" in strong.result().text
    assert value(leader, "rqlite_raft_commit_stalled") == 1
    assert "no majority stores what this node, the leader, sends" in leader.log()
    assert "no majority stores what this node sends" in leader.client.execute(
        [[INSERT, "refused"]]).text
    ballast.drop()
    eventually(lambda: plain(leader.client, "after"))
    eventually(lambda: value(leader, "rqlite_raft_commit_stalled") == 0)
    keys = leader.client.column("SELECT key FROM written WHERE key NOT LIKE 'full/%'")
    assert keys in (["after"], ["unknown", "after"])


def test_reads_of_a_leader_whose_followers_have_full_disks(make_member, small_disks):
    """They answer it, so it leads. What goes through the log waits, however short its `timeout`."""
    leader = make_member(*CALM)
    leader.start()
    followers = [make_member(*CALM, first=leader, directory=disk / "node") for disk in small_disks]
    for node in followers:
        node.start()
    leader.client.must(TABLE)
    make_member.all.wait_until_equal()
    for disk in small_disks:
        Ballast(disk).fill(0)
    impatient = leader.new_client(timeout=3)
    with pytest.raises(TimeoutError):
        for n in range(2000):
            impatient.execute([[INSERT, f"full/{n}/{ROW}"]])
    with concurrent.futures.ThreadPoolExecutor() as pool:
        strong = pool.submit(leader.new_client().query, ["SELECT 1"], level="strong", timeout="2s")
        for node in (leader, *followers):
            for level in ("weak", "linearizable"):
                assert node.client.query(["SELECT 1"], level=level).results[0]["values"] == [[1]]
        assert not strong.done()
        assert "no majority has stored it in time" in strong.result().text
