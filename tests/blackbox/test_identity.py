"""Members that are started again as somebody else, or somewhere else: what counts is what the cluster
was told."""

from members import INSERT, ids
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
