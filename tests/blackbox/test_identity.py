"""Members that are started again as somebody else, somewhere else, or as who they once were: what
counts is what the cluster was told."""

import shutil

import pytest

from members import INSERT, TABLE, Nodes, ids
from node import eventually, free_ports
from recovery import forget_to_join
from test_hazards import never


def shown(node):
    return node.client.send("GET", "/nodes?nonvoters").json


def joins(node):
    store = node.client.send("GET", "/debug/vars?key=store").json["store"]
    return {name: store[name] for name in ("num_joins", "num_ignored_joins",
                                           "num_removed_before_joins")}


def answers(node):
    try:
        return node.client.status("store.open")
    except OSError:
        return False


def test_another_address_for_clients_needs_no_new_join(calm_trio):
    leader, third = calm_trio[0], calm_trio[2]
    before = joins(leader)
    assert third.stop() == 0
    old = third.address
    third.settle_at(third.host, free_ports(1)[0], third.raft_port)
    forget_to_join(third)
    third.start()
    assert shown(leader)["3"]["api_addr"] == f"http://{third.address}" != f"http://{old}"
    assert joins(leader) == before


def test_another_address_between_nodes_does(trio):
    """Without one it is where nobody looks for it, and nobody tells it of a leader."""
    third = trio[2]
    assert third.stop() == 0
    old = third.raft_address
    third.settle_at(third.host, *free_ports(2))
    forget_to_join(third)
    third.launch()
    eventually(lambda: answers(third))
    never(lambda: third.leader_address() or third.client.send("GET", "/readyz").status != 503, 1.5)
    assert shown(trio[0])["3"]["addr"] == old
    trio[0].client.must([INSERT, 1])
    eventually(lambda: f"this node is at {third.raft_address}, and they know it at {old}: start it "
               "again with -join" in third.log())


def test_a_node_that_is_alone_may_move(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE, [INSERT, 1])
    assert first.stop() == 0
    first.settle_at(first.host, *free_ports(2))
    first.start()
    eventually(lambda: shown(first)["1"]["addr"] == first.raft_address)
    assert first.leader_address() == first.raft_address
    second = make_member(first=first)
    second.start()
    second.client.must([INSERT, 2])
    Nodes([first, second]).wait_until_equal()
    assert second.rows() == 2


def test_a_node_that_alone_votes_may_move_and_its_copies_follow(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    copy = make_member("-raft-non-voter", first=first)
    copy.start()
    assert first.stop() == 0
    first.settle_at(first.host, *free_ports(2))
    first.start()
    first.client.must([INSERT, 1])
    eventually(lambda: copy.rows() == 1)  # which may be before it has changed its entry
    eventually(lambda: copy.leader_address() == first.raft_address == shown(copy)["1"]["addr"])
    copy.client.must([INSERT, 2])  # through the one that leads
    assert first.rows() == 2


def test_a_node_that_is_alone_may_have_another_name(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    assert first.stop() == 0
    first.flags = ("-node-id", "uno", *first.flags[2:])
    first.start()
    eventually(lambda: ids(shown(first)) == ["uno"])
    assert first.client.queue([[INSERT, 1]], "wait").status == 200
    assert first.rows() == 1


def test_another_name_at_the_same_address_takes_the_old_ones_place(trio):
    third = trio[2]
    assert third.stop() == 0
    assert third.flags[:2] == ("-node-id", "3")
    third.flags = ("-node-id", "new", *third.flags[2:])
    third.start()
    assert ids(shown(trio[0])) == ["1", "2", "new"]
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    assert third.rows() == 1


def twin_of(make_member, nodes, original, name):
    """A node with the data of another one as it was, which goes on."""
    copy = make_member(first=nodes[0])
    assert copy.flags[0] == "-node-id"
    copy.flags = ("-node-id", name, *copy.flags[2:], "-join-attempts", "2", "-join-interval", "100ms")
    assert original.stop() == 0
    shutil.rmtree(copy.data, ignore_errors=True)
    shutil.copytree(original.data, copy.data)
    return copy


@pytest.mark.parametrize("name", ["3", "4"])
def test_a_copy_of_a_live_members_data_is_refused(calm_trio, make_member, name):
    leader, third = calm_trio[0], calm_trio[2]
    copy = twin_of(make_member, calm_trio, third, name)
    third.start()
    before = shown(leader)
    code, log = copy.fail_to_start()
    assert code == 1
    assert (f"node ID 3 is in use by a live node at {third.raft_address}, and this one has its "
            "data, or a copy of it") in log
    now = shown(leader)
    assert ids(now) == ids(before) == ["1", "2", "3"]
    assert {each["addr"] for each in now.values()} == {each["addr"] for each in before.values()}
    leader.client.must([INSERT, 1])
    calm_trio.wait_until_equal()
    assert third.rows() == 1


def test_a_copy_takes_the_place_of_a_dead_member_and_keeps_it(calm_trio, make_member):
    leader, third = calm_trio[0], calm_trio[2]
    copy = twin_of(make_member, calm_trio, third, "3")
    copy.start()
    assert shown(leader)["3"]["addr"] == copy.raft_address
    third.flags += ("-join-attempts", "2", "-join-interval", "100ms")
    code, log = third.fail_to_start()
    assert code == 1 and f"in use by a live node at {copy.raft_address}" in log
    assert shown(leader)["3"]["addr"] == copy.raft_address
    leader.client.must([INSERT, 1])
    eventually(lambda: copy.rows() == 1)


def test_an_address_that_is_only_spelled_otherwise_is_no_move_of_a_copy(calm_trio):
    leader, third = calm_trio[0], calm_trio[2]
    assert third.stop() == 0
    spelled = f"localhost:{third.raft_port}"
    assert spelled != third.raft_address
    third.flags += ("-raft-adv-addr", spelled)
    third.start()
    assert shown(leader)["3"]["addr"] == spelled
    leader.client.must([INSERT, 1])
    eventually(lambda: third.rows() == 1)


def test_who_has_a_vote_is_settled_when_it_joins(trio, make_member):
    voter, copy = trio[2], make_member("-raft-non-voter", first=trio[0])
    copy.start()
    for node in (voter, copy):
        assert node.stop() == 0
    voter.flags += ("-raft-non-voter",)
    copy.flags = tuple(flag for flag in copy.flags if flag != "-raft-non-voter")
    for node in (voter, copy):
        node.start()
    assert voter.client.status("store.raft.voter") is True
    assert copy.client.status("store.raft.voter") is False
    assert {name: node["voter"] for name, node in shown(trio[0]).items()} == {
        "1": True, "2": True, "3": True, "4": False}


def copy_of(node):
    """Of its data directory, taken while it is stopped."""
    assert node.stop() == 0
    shutil.copytree(node.data, node.home / "copy")
    node.start()


def set_back(node):
    """Puts the copy in the place of its data."""
    shutil.rmtree(node.data)
    shutil.copytree(node.home / "copy", node.data)


def check_that_it_ends(node, *why):
    """With these reasons and no other noise, however often it is started."""
    for _ in range(2):
        code, log = node.fail_to_start()
        assert code == 1, (code, log)
        last = log.splitlines()[-1]
        assert "this node cannot go on, so it stops: " in last
        assert all(each in last for each in why), last
        assert "panicked" not in log


def test_an_older_copy_of_the_data_is_noticed(calm_trio):
    third = calm_trio[2]
    calm_trio[0].client.must([INSERT, 1])
    copy_of(third)
    for v in range(20):
        calm_trio[0].client.must([INSERT, v])
    calm_trio.wait_until_equal()
    assert third.stop() == 0
    set_back(third)
    check_that_it_ends(third, "this node's log ends at entry ", ", but it has acknowledged entry ",
                       "its data directory is older than what it has promised. Empty it")
    calm_trio[0].client.must([INSERT, "without it"])
    shutil.rmtree(third.data)
    third.start()
    calm_trio.wait_until_equal()
    assert [node.rows() for node in calm_trio] == [22, 22, 22]


def test_who_has_what_a_majority_has_forgotten_does_not_stay(trio):
    """Two of three go on without what one of them had acknowledged; the third one has applied it."""
    whole, forgetful, absent = trio
    copy_of(forgetful)
    assert absent.stop() == 0
    for v in range(5):
        trio.leader().client.must([INSERT, v])
    eventually(lambda: [whole.rows(), forgetful.rows()] == [5, 5])
    whole.kill()
    forgetful.kill()
    set_back(forgetful)
    rest = Nodes([forgetful, absent])
    for node in rest:
        forget_to_join(node)
        node.launch()
    rest.leader().client.must([INSERT, "instead"])
    check_that_it_ends(whole, "this node has applied what its cluster does not have: entry ",
                       "Put this node's data directory away")
    shutil.rmtree(whole.data)
    whole.flags += ("-join", forgetful.raft_address)
    whole.start()
    trio.wait_until_equal()
    assert [node.rows() for node in trio] == [1, 1, 1]
