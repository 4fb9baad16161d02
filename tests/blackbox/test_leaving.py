"""Nodes that leave their cluster as they stop, and leaders that are removed."""

import json
import socket
import time

import pytest

from guards import user
from members import INSERT, TABLE, Nodes, ids
from node import HOST, eventually

LEAVES = "-raft-cluster-remove-shutdown"
INITIATING = "initiating removal of this node from cluster before shutdown"
REMOVED = "removed this node successfully from cluster before shutdown"

NO_MEMBER = "this node is no member of a cluster, so there is nothing to remove it from"


@pytest.fixture
def start_trio(make_member):
    def start(*flags):
        make_member(*flags).start()
        for _ in range(2):
            make_member(*flags, first=make_member.all[0]).start()
        make_member.all[0].client.must(TABLE)
        make_member.all.wait_until_equal()
        return make_member.all
    return start


def members(node):
    return ids(node.client.send("GET", "/nodes").json)


def test_a_follower_leaves_as_it_stops(start_trio):
    trio = start_trio(LEAVES)
    assert trio[2].stop() == 0
    # At once.
    assert members(trio[0]) == ["1", "2"]
    log = trio[2].log()
    assert log.index(INITIATING) < log.index(REMOVED) < log.index("rqlite server stopped")
    assert trio[1].stop() == 0
    # Whoever is left is a majority.
    assert members(trio[0]) == ["1"]
    trio[0].client.must([INSERT, 1])


def test_a_leader_leaves_as_it_stops(start_trio):
    trio = start_trio(LEAVES)
    trio[0].client.must([INSERT, 1])
    assert trio[0].stop() == 0, trio[0].log()
    assert REMOVED in trio[0].log()
    leader = Nodes(trio[1:]).leader()
    assert members(leader) == ["2", "3"]
    assert leader.rows("strong") == 1


@pytest.mark.parametrize("other", [1, 2])
@pytest.mark.parametrize("turn", range(2))
def test_a_leader_and_a_follower_leave_at_the_same_time(start_trio, turn, other):
    """However often they hand over to each other, which is a matter of chance: whoever stays is
    alone, and knows it."""
    trio = start_trio(LEAVES)
    assert trio.leader() is trio[0]
    leaving, stays = (trio[0], trio[other]), trio[3 - other]
    for node in leaving:
        node.signal(15)
    assert [node.wait(30) for node in leaving] == [0, 0], [node.log() for node in leaving]
    for node in leaving:
        assert REMOVED in node.log()
    assert members(stays) == [stays.flags[1]]
    stays.client.must([INSERT, 1])
    assert stays.rows("strong") == 1


def test_it_comes_back_when_it_is_started_again(start_trio):
    trio = start_trio(LEAVES)
    assert trio[2].stop() == 0
    trio[0].client.must([INSERT, 1])
    trio[2].start()
    assert members(trio[0]) == ["1", "2", "3"]
    trio.wait_until_equal()
    assert trio[2].rows() == 1


def test_a_node_that_was_removed_before_has_nothing_to_leave(start_trio):
    trio = start_trio(LEAVES)
    trio[2].client.queue([[INSERT, 1]], "wait")
    assert trio[0].client.send("DELETE", "/remove", {"id": "3"}).status == 200
    eventually(lambda: "was removed from its cluster" in trio[2].log())
    began = time.monotonic()
    assert trio[2].stop() == 0
    assert time.monotonic() - began < 5
    log = trio[2].log()
    assert log.index(NO_MEMBER) < log.index("rqlite server stopped")
    assert INITIATING not in log
    trio[2].start()  # as somebody new
    assert members(trio[0]) == ["1", "2", "3"]


def test_a_node_that_looks_for_its_first_cluster_has_nothing_to_leave(make_member):
    with socket.create_server((HOST, 0)) as silent:
        node = make_member("-join", f"{HOST}:{silent.getsockname()[1]}", LEAVES)
        node.launch()
        eventually(lambda: "node state detected" in node.log())
        assert node.stop() == 1
    assert NO_MEMBER in node.log()
    assert node.log().endswith("failed to join cluster: join operation canceled\n")


def test_a_member_that_looks_for_others_leaves_as_it_stops(start_trio):
    trio = start_trio()
    assert trio[2].stop() == 0
    with socket.create_server((HOST, 0)) as silent:
        at = trio[2].flags.index("-join")
        trio[2].flags = (*trio[2].flags[:at], "-join", f"{HOST}:{silent.getsockname()[1]}",
                         *trio[2].flags[at + 2:], LEAVES)
        trio[2].start()
        assert trio[2].stop() == 1
    assert REMOVED in trio[2].log()
    assert trio[2].log().endswith("failed to join cluster: join operation canceled\n")
    assert members(trio.leader()) == ["1", "2"]


def test_without_the_flag_it_stays_a_member(start_trio):
    trio = start_trio()
    assert trio[2].stop() == 0
    assert members(trio[0]) == ["1", "2", "3"]
    assert INITIATING not in trio[2].log()


def test_a_node_that_is_alone_cannot_leave(make_member):
    node = make_member(LEAVES)
    node.start()
    assert node.stop() == 1
    assert "need at least one voter in configuration: {[]}" in node.log()
    assert "rqlite server stopped" not in node.log()
    node.start()  # and nothing is lost


def test_without_a_majority_nobody_leaves(start_trio):
    trio = start_trio(LEAVES)
    trio[0].kill()
    trio[1].kill()
    eventually(lambda: trio[2].leader_address() == "")
    trio[2].signal(15)
    assert trio[2].wait(30) == 1
    assert "failed to remove this node from cluster before shutdown: leader not found" in \
        trio[2].log()


@pytest.mark.parametrize("perms, code", [(("join", "remove"), 0), (("join",), 1)])
def test_the_leader_asks_who_wants_to_leave(make_member, home, perms, code):
    users = home / "users.json"
    users.write_text(json.dumps([user("*", "ready", "status"), user("joiner", *perms)]))
    flags = (LEAVES, "-auth", str(users), "-join-as", "joiner")
    first = make_member(*flags)
    first.start()
    second = make_member(*flags, first=first)
    second.start()
    assert second.stop() == code, second.log()
    assert (REMOVED in second.log()) == (code == 0)
    refusal = "failed to remove this node from cluster before shutdown: unauthorized\n"
    assert (refusal in second.log()) == (code == 1)
    assert len(members(first)) == 1 + code


# A leader that is removed.

@pytest.mark.parametrize("flags, state", [((), "Follower"), (("-raft-remove-shutdown",), "Shutdown")])
def test_what_a_leader_is_that_was_removed(start_trio, flags, state):
    trio = start_trio(*flags)
    trio[0].client.must([INSERT, 1])
    assert trio[0].client.send("DELETE", "/remove", {"id": "1"}).status == 200
    eventually(lambda: trio[0].client.status("store.raft.state") == state)
    eventually(lambda: trio[0].leader_address() == "")
    # The process stays, and so does what it had.
    assert trio[0].rows() == 1
    assert trio[0].client.status("store.raft.config.ShutdownOnRemove") is (state == "Shutdown")
    assert trio[0].client.execute([[INSERT, 2]]).status == 503
    Nodes(trio[1:]).leader().client.must([INSERT, 2])


def test_the_leader_can_be_removed_through_any_other_node(start_trio, make_member):
    """From four to three and from three to two: whoever is asked, it has happened when the answer
    comes."""
    nodes = start_trio()
    make_member(first=nodes[0]).start()
    for asked in (0, -1):
        old, followers = nodes.leader(), nodes.followers()
        name, follower = old.flags[1], followers[asked]
        reply = follower.client.send("DELETE", "/remove", {"id": name})
        assert (reply.status, reply.text) == (200, "")
        served_by = reply.headers["X-Rqlite-Served-By"]
        new = next(node for node in followers if served_by in (node.address, node.raft_address))
        assert name not in new.client.send("GET", "/nodes").json
        old.kill()
        assert nodes.leader() is new
        assert follower.client.send("DELETE", "/remove", {"id": name}).status == 200
        follower.client.must([INSERT, 1])


@pytest.mark.parametrize("asked", [1, 2])
def test_the_leader_of_three_can_be_removed_through_each_of_the_others(start_trio, asked):
    trio = start_trio()
    name = trio[0].flags[1]
    assert trio.leader() is trio[0]
    assert trio[asked].client.send("DELETE", "/remove", {"id": name}).status == 200
    leader = Nodes(trio[1:]).leader()
    assert name not in leader.client.send("GET", "/nodes").json
    leader.client.must([INSERT, 1])


def test_a_follower_that_is_removed_does_not_stop(start_trio):
    trio = start_trio("-raft-remove-shutdown")
    assert trio[0].client.send("DELETE", "/remove", {"id": "3"}).status == 200
    eventually(lambda: trio[2].leader_address() == "")
    assert trio[2].client.status("store.raft.state") == "Follower"


# Times.

@pytest.mark.parametrize("flag, message", [
    ("-raft-heartbeat-timeout=4ms", "HeartbeatTimeout is too low"),
    ("-raft-commit-timeout=999us", "CommitTimeout is too low"),
    ("-raft-commit-timeout=-1s", "CommitTimeout is too low")])
def test_times_that_cannot_be(make_node, flag, message):
    code, log = make_node(flag).fail_to_start()
    assert code == 1
    assert f"failed to open store: creating the raft system failed: {message}" in log


def test_times_of_zero_are_the_usual_ones(make_node):
    """Which `raft.config` has; what was asked for is still shown."""
    node = make_node("-raft-heartbeat-timeout", "0", "-raft-election-timeout", "0s", "-raft-snap", "0",
                     "-raft-leader-lease-timeout", "0", "-raft-commit-timeout", "0",
                     "-raft-apply-timeout", "0", "-raft-snap-int", "0")
    node.start()
    node.client.must(TABLE)
    store = node.client.status("store")
    assert [store[f"{name}_timeout"] for name in ("heartbeat", "election", "commit", "apply")] == [
        "0s"] * 4
    assert (store["snapshot_interval"], store["snapshot_threshold"], store["trailing_logs"]) == (
        "0s", 0, 0)
    config = store["raft"]["config"]
    assert (config["HeartbeatTimeout"], config["ElectionTimeout"], config["LeaderLeaseTimeout"],
            config["CommitTimeout"], config["SnapshotInterval"], config["SnapshotThreshold"]) == (
        10**9, 10**9, 5 * 10**8, 5 * 10**7, 120 * 10**9, 8192)


def test_an_apply_timeout_is_not_negative(make_node):
    code, log = make_node("-raft-apply-timeout=-1s").fail_to_start()
    assert code == 1 and "fatal: -raft-apply-timeout must not be negative" in log


@pytest.mark.parametrize("flags", [("-raft-commit-timeout", "0"), ("-raft-commit-timeout", "1ms"),
                                   ("-raft-apply-timeout", "0"), ("-raft-apply-timeout", "1s")])
def test_times_that_can_be(make_node, flags):
    node = make_node(*flags)
    node.start()
    node.client.must(TABLE)
