"""raft/peers.json: a cluster that has lost its majority goes on with those who are left."""

import json
import shutil

import pytest

from members import FAST, INSERT, TABLE, Member, Nodes, ids
from node import HOST, eventually, free_ports
from recovery import dump, forget_to_join, name_of, peers, put, stop_all


def members(node):
    return ids(node.client.send("GET", "/nodes?nonvoters").json)


def check_recovered(node):
    path = node.data / "raft" / "peers.json"
    log = node.log()
    assert log.index(f"attempting node recovery using {path}") < \
        log.index(f"node recovered successfully using {path}")
    assert not path.exists() and (node.data / "raft" / "peers.info").exists()


def test_one_node_goes_on_and_empty_ones_join(trio):
    for v in range(50):
        trio[0].client.must([INSERT, v])
    trio.wait_until_equal()
    stop_all(trio)
    survivor = trio[2]
    forget_to_join(survivor)
    put(survivor, peers(survivor))
    survivor.start()
    check_recovered(survivor)
    assert members(survivor) == ["3"]
    assert survivor.rows("strong") == 50
    survivor.client.must([INSERT, "alone"])
    for node in trio[:2]:
        shutil.rmtree(node.data)
        forget_to_join(node)
        node.flags += ("-join", survivor.raft_address)
        node.start()
    assert members(survivor) == ["1", "2", "3"]
    trio.wait_until_equal()
    assert [node.rows() for node in trio] == [51, 51, 51]
    survivor.kill()
    Nodes(trio[:2]).leader().client.must([INSERT, "two of three"])
    # It was for once.
    survivor.start()
    assert "attempting node recovery" not in survivor.log()
    assert survivor.rows("strong") == 52


def test_a_node_that_was_not_recovered_stays_out(trio):
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    stop_all(trio)
    forget_to_join(trio[0])
    put(trio[0], peers(trio[0]))
    trio[0].start()
    trio[1].flags += ("-join-attempts", "2", "-join-interval", "100ms")
    code, log = trio[1].fail_to_start()
    assert code == 1
    assert "to join, it needs an empty data directory" in log
    assert members(trio[0]) == ["1"]
    trio[0].client.must([INSERT, 2])
    shutil.rmtree(trio[1].data)
    trio[1].start()
    trio[0].client.must([INSERT, 3])
    trio.wait_until_equal()
    assert trio[1].rows() == 3


def test_two_survivors_with_equal_logs_are_one_cluster(trio):
    for v in range(30):
        trio[0].client.must([INSERT, v])
    trio.wait_until_equal()
    stop_all(trio)
    rest = Nodes(trio[1:])
    for node in rest:
        forget_to_join(node)
        put(node, peers(*rest))
        node.launch()
    leader = rest.leader()
    for node in rest:
        eventually(node.is_ready)
        check_recovered(node)
    assert members(leader) == ["2", "3"]
    leader.client.must([INSERT, "both"])
    rest.wait_until_equal()
    assert [node.rows() for node in rest] == [31, 31]
    assert dump(rest[0]) == dump(rest[1])


def test_survivors_whose_snapshots_differ_are_one_cluster_all_the_same(trio):
    """What counts is where their logs end, not what of them is in a snapshot."""
    for v in range(30):
        trio[0].client.must([INSERT, v])
    trio.wait_until_equal()
    assert trio[1].client.send("POST", "/snapshot").status == 200
    stop_all(trio)
    rest = Nodes(trio[1:])
    for node in rest:
        forget_to_join(node)
        put(node, peers(*rest))
        node.launch()
    rest.leader().client.must([INSERT, "both"])
    rest.wait_until_equal()
    assert dump(rest[0]) == dump(rest[1])


def test_what_was_never_committed_counts_too(trio):
    """And survivors with different ends do not run together."""
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    leader = trio[0]
    trio[1].kill()
    trio[2].kill()
    with pytest.raises((OSError, AssertionError)):
        leader.new_client(timeout=1).must([INSERT, "never acknowledged"])
    leader.kill()
    rest = Nodes(trio[:2])
    for node in rest:
        forget_to_join(node)
        put(node, peers(*rest))
        node.launch()
    for node in rest:
        eventually(lambda: "node HTTP API available" in node.log())
    refused = "this node is of another cluster, or was recovered from other data"
    eventually(lambda: any("refuses messages of this one" in node.log() and refused in node.log()
                           for node in rest))
    for node in rest:
        assert node.leader_address() == ""
    assert rest[0].rows() == 2 and rest[1].rows() == 1
    # One of them by itself does.
    stop_all(rest)
    put(leader, peers(leader))
    leader.start()
    assert leader.rows("strong") == 2


def test_members_get_new_addresses_and_lose_their_votes(trio):
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    stop_all(trio)
    for node in trio:
        forget_to_join(node)
        node.settle_at(HOST, *free_ports(2))
    entries = json.loads(peers(*trio))
    entries[2]["non_voter"] = True
    for node in trio:
        put(node, json.dumps(entries))
        node.launch()
    leader = trio.leader()
    listed = leader.client.send("GET", "/nodes?nonvoters").json
    assert {name: (each["addr"], each["voter"]) for name, each in listed.items()} == {
        name_of(node): (node.raft_address, node is not trio[2]) for node in trio}
    leader.client.must([INSERT, 2])
    trio.wait_until_equal()
    assert [node.rows() for node in trio] == [2, 2, 2]


def test_who_is_no_member_is_left_out(trio):
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    stop_all(trio)
    forget_to_join(trio[0])
    entries = json.loads(peers(trio[0])) + [{"id": "9", "address": "127.0.0.1:1"}]
    put(trio[0], json.dumps(entries))
    trio[0].start()
    assert "node with ID 9, at 127.0.0.1:1, is no member that this node knows" in trio[0].log()
    assert members(trio[0]) == ["1"]


def test_a_node_that_is_not_in_the_file(trio):
    """It obeys, and is a member of nothing."""
    stop_all(trio)
    forget_to_join(trio[0])
    put(trio[0], peers(trio[1]))
    trio[0].launch()
    eventually(lambda: "node HTTP API available" in trio[0].log())
    assert members(trio[0]) == ["2"]
    assert trio[0].leader_address() == "" and trio[0].rows() == 0


def test_a_node_that_dies_after_its_recovery_has_not_to_do_it_again(trio):
    """Both once more, one of them with a process that died before it could rename the file."""
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    stop_all(trio)
    rest = Nodes(trio[1:])
    for node in rest:
        forget_to_join(node)
        put(node, peers(*rest))
    # Without the other one it does nothing after its recovery.
    rest[0].launch()
    eventually(lambda: "node HTTP API available" in rest[0].log())
    raft = rest[0].data / "raft"
    rest[0].kill()
    put(rest[0], peers(*rest))
    rest[0].launch()
    eventually(lambda: "node HTTP API available" in rest[0].log())
    rest[0].kill()
    assert not (raft / "recovery").exists()
    rest[1].launch()
    eventually(lambda: "node HTTP API available" in rest[1].log())


def test_it_is_counted(make_member):
    node = make_member()
    node.start()
    node.client.must(TABLE)
    assert node.client.send("GET", "/debug/vars").json["store"]["num_recoveries"] == 0
    node.kill()
    put(node, peers(node))
    node.start()
    check_recovered(node)
    assert node.client.send("GET", "/debug/vars").json["store"]["num_recoveries"] == 1
    assert node.rows() == 0
    # And what was snapshot then is what a restart begins with.
    node.restart()
    assert node.rows() == 0
    assert node.client.send("GET", "/debug/vars").json["store"]["num_recoveries"] == 0


READ = "failed to open store: failed to read peers file: "
RECOVER = "failed to open store: failed to recover node: "
REJECTED = [
    ("{", READ + "invalid JSON: "),
    ("", READ + "invalid JSON: "),
    ('[{"id":"","address":"a:1"}]', READ + "empty ID in configuration: {[{Voter  a:1}]}"),
    ('[{"id":"1","address":""}]', READ + "empty address in configuration: {Voter 1 }"),
    ('[{"id":"1","address":"a:1"},{"id":"1","address":"b:1"}]',
     READ + "found duplicate ID in configuration: 1"),
    ('[{"id":"1","address":"a:1"},{"id":"2","address":"a:1"}]',
     READ + "found duplicate address in configuration: a:1"),
    ("[]", READ + "need at least one voter in configuration: {[]}"),
    ('[{"id":"1","address":"a:1","non_voter":true}]',
     READ + "need at least one voter in configuration: {[{Nonvoter 1 a:1}]}"),
    ('[{"id":"1","address":"http://a:1"}]',
     RECOVER + "protocol specified in address: http://a:1"),
    ('[{"id":"1","address":"a"}]', RECOVER + "invalid address in configuration: a"),
    ('[{"id":"9","address":"a:1"}]',
     RECOVER + "none of the voters that are to be is a member that this node knows"),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    node = Member(tmp_path_factory.mktemp("recovery"), "-node-id", "1", *FAST)
    node.start()
    node.client.must(TABLE)
    node.kill()
    return node


@pytest.mark.parametrize("text, message", REJECTED, ids=[message for _, message in REJECTED])
def test_what_cannot_be_a_cluster_is_rejected(stopped, text, message):
    put(stopped, text)
    code, log = stopped.fail_to_start()
    assert code == 1 and message in log
    # It stays, for somebody to correct it.
    assert (stopped.data / "raft" / "peers.json").read_text() == text


def test_nothing_was_changed_by_what_was_rejected(stopped):
    (stopped.data / "raft" / "peers.json").unlink()
    stopped.start()
    assert stopped.rows("strong") == 0
    stopped.kill()


def test_a_node_without_data_recovers_nothing(make_member):
    first = make_member()
    first.start()
    second = make_member(first=first)
    (second.data / "raft").mkdir(parents=True)
    put(second, peers(second))
    code, log = second.fail_to_start()
    assert code == 1 and "there is nothing to recover" in log
