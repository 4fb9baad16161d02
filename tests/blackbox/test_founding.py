"""Nodes that are started together found one cluster: -bootstrap-expect. The races of it are in
tests/faults."""

import json
import signal
import socket

import pytest

from guards import user
from node import Node, eventually, free_ports, launch

FAST = ("-raft-heartbeat-timeout", "300ms", "-raft-election-timeout", "300ms",
        "-raft-leader-lease-timeout", "200ms")
TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, v)"


@pytest.fixture
def make_founders(home):
    """Makes nodes that all have the same list, not started. What still runs at the end is killed."""
    made = []

    def make(count, *flags, expect=None, listed=None):
        nodes = [Node(home / f"node{len(made) + i}", "-node-id", f"n{len(made) + i}", *FAST, *flags)
                 for i in range(1, count + 1)]
        made.extend(nodes)
        addresses = ",".join(node.raft_address for node in (listed or nodes))
        for node in nodes:
            node.flags += ("-bootstrap-expect", str(expect or count), "-join", addresses)
        return nodes

    yield make
    for node in made:
        node.kill()
        print(node.whole_log())


def wait_until_ready(nodes):
    for node in nodes:
        eventually(node.is_ready)


def members(node):
    return sorted(each["id"] for each in node.client.status("store.nodes"))


def test_three_nodes_found_one_cluster(make_founders):
    nodes = make_founders(3)
    launch(nodes)
    wait_until_ready(nodes)
    assert all(members(node) == ["n1", "n2", "n3"] for node in nodes)
    assert len({node.client.status("store.leader.addr") for node in nodes}) == 1
    nodes[2].client.must(TABLE, "INSERT INTO t VALUES(1, 'a')")
    for node in nodes:
        assert node.client.query(["SELECT v FROM t"], level="strong").results[0]["values"] == [["a"]]
    for node in nodes:
        eventually(node.has_booted)
    assert any("reached expected bootstrap count of 3, starting cluster bootstrap" in node.log()
               for node in nodes)
    assert all("cluster bootstrap successful, servers: n1 at" in node.log() for node in nodes)
    assert not any("bootstrapping single new node" in node.log() for node in nodes)


def test_until_then_http_answers_and_the_node_is_not_ready(make_founders):
    first, second, _ = make_founders(3)
    launch([first, second])
    for node in (first, second):
        eventually(lambda: "no cluster is founded yet: 2 of 3 nodes that it takes are there"
                   in node.log())
        assert node.client.send("GET", "/status").status == 200
        assert node.client.send("GET", "/readyz").status == 503
        assert node.client.status("store.nodes") == []
        assert "failed to notify all targets: [" in node.log()


def test_the_same_command_line_serves_for_a_restart(make_founders):
    nodes = make_founders(3)
    launch(nodes)
    wait_until_ready(nodes)
    nodes[0].client.must(TABLE)
    for node in nodes:
        node.kill()
    launch(nodes)
    wait_until_ready(nodes)
    assert nodes[1].client.query(["SELECT count(*) FROM t"]).results[0]["values"] == [[0]]
    nodes[2].kill()
    launch([nodes[2]])
    wait_until_ready([nodes[2]])


def test_one_node_more_joins(make_founders):
    nodes = make_founders(3)
    launch(nodes)
    wait_until_ready(nodes)
    [late] = make_founders(1, expect=3, listed=nodes)
    late.launch()
    wait_until_ready([late])
    assert members(late) == ["n1", "n2", "n3", "n4"]
    eventually(lambda: "as VOTER" in late.log())


def test_a_node_with_data_is_joined_and_keeps_it(make_founders, home):
    """It is listed, and is told to found a cluster, but has one."""
    nodes = make_founders(3)
    alone = nodes[1]
    flags, alone.flags = alone.flags, alone.flags[:8]
    assert "-join" not in alone.flags
    alone.start()
    alone.client.must(TABLE, "INSERT INTO t VALUES(1, 'mine')")
    assert alone.stop() == 0
    alone.flags = flags
    launch(nodes)
    wait_until_ready(nodes)
    for node in nodes:
        rows = node.client.query(["SELECT v FROM t"], level="strong").results[0]["values"]
        assert rows == [["mine"]]
        assert members(node) == ["n1", "n2", "n3"]
        assert "starting cluster bootstrap" not in node.log()


def test_nodes_that_lack_nothing_do_not_ask_one_that_is_of_another_cluster(make_founders):
    """A survivor of a cluster that is gone is never taken for a new node."""
    old = make_founders(3)
    launch(old)
    wait_until_ready(old)
    old[0].client.must(TABLE)
    survivor = old[0]

    def rows():
        return survivor.client.query(["SELECT count(*) FROM t"], level="none").results[0].get("values")

    # What a majority has need not be here yet, and nobody would send it any more.
    eventually(lambda: rows() == [[0]])
    for node in old[1:]:
        node.kill()
    fresh = make_founders(2, expect=3, listed=[*make_founders(2), survivor])
    launch(fresh)
    for node in fresh:
        eventually(lambda: "failed to join via node at" in node.log())
    assert rows() == [[0]]
    assert members(survivor) == ["n1", "n2", "n3"]
    assert all(members(node) == [] for node in fresh)


def test_who_expects_another_number_is_named_and_founds_nothing(make_founders):
    nodes = make_founders(3)
    nodes[2].flags = tuple("2" if word == "3" else word for word in nodes[2].flags)
    launch(nodes)
    eventually(lambda: "node n3 expects 2 nodes and this one 3" in nodes[0].log())
    assert all(members(node) == [] for node in nodes)


def test_a_founder_that_was_removed_comes_back_by_joining(make_founders):
    nodes = make_founders(3)
    launch(nodes)
    wait_until_ready(nodes)
    gone = next(node for node in nodes if node.client.status("store.raft.state") != "Leader")
    other = next(node for node in nodes if node is not gone)
    assert other.client.send("DELETE", "/remove", {"id": gone.flags[1]}).status == 200
    gone.kill()
    gone.launch()
    wait_until_ready([gone])
    eventually(lambda: members(gone) == ["n1", "n2", "n3"])
    assert "starting cluster bootstrap" not in gone.log()
    assert {node.client.status("store.leader.addr") for node in nodes} == {
        other.client.status("store.leader.addr")}


def test_without_a_list_a_node_is_a_cluster_of_its_own(make_node):
    node = make_node("-bootstrap-expect", "3")
    node.start()
    assert "bootstrapping single new node" in node.log()
    assert "WARNING: -bootstrap-expect does nothing without -join or -disco-mode" in node.log()
    assert len(node.client.status("store.nodes")) == 1


def test_a_copy_is_no_cluster_of_its_own(make_node):
    code, log = make_node("-raft-non-voter").fail_to_start()
    assert code == 1
    assert log.endswith("clustering failure: cannot create a new non-voting node without joining it "
                        "to an existing cluster\n")


def test_it_ends_when_it_takes_too_long(make_founders):
    first, _ = make_founders(2, "-bootstrap-expect-timeout", "2s")
    code, log = first.fail_to_start()
    assert code == 1
    assert log.endswith("clustering failure: boot timeout\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(make_founders, number):
    first, _ = make_founders(2)
    first.launch()
    eventually(lambda: "no cluster is founded yet" in first.log())
    first.signal(number)
    assert first.wait(within=5) == 1
    assert first.log().endswith("clustering failure: boot canceled\n")


def test_a_signal_ends_the_tries_to_join(make_node):
    [port] = free_ports(1)
    node = make_node("-join", f"127.0.0.1:{port}")
    node.launch()
    eventually(lambda: "sleeping 3s before retry" in node.log())
    node.signal(signal.SIGTERM)
    assert node.wait(within=5) == 1
    assert node.log().endswith(
        "clustering failure: failed to join cluster: join operation canceled\n")


def test_a_signal_ends_a_try_with_somebody_who_does_not_answer(make_node, silent):
    """Connections are made, and nothing is answered."""
    address = "{}:{}".format(*silent.getsockname())
    node = make_node("-join", address, "-bootstrap-expect", "2", "-bootstrap-expect-timeout", "1h")
    node.launch()
    kept = []
    eventually(lambda: accepted(silent, kept))
    node.signal(signal.SIGTERM)
    assert node.wait(within=5) == 1
    assert node.log().endswith("clustering failure: boot canceled\n")
    for connection in kept:
        connection.close()


@pytest.fixture
def silent():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(20)
        yield listener


def accepted(listener, kept):
    """The next that asks is heard, and gets no answer."""
    connection, _ = listener.accept()
    kept.append(connection)
    connection.settimeout(20)
    return b"POST /peer/1/join" in connection.recv(1000)


def test_an_address_for_clients_is_named(make_founders, start_node, home):
    other = start_node(directory=home / "other")
    [first] = make_founders(1, listed=[other])
    first.flags = tuple(other.address if word == other.raft_address else word
                        for word in first.flags)
    code, log = first.fail_to_start()
    assert code == 1
    assert f"join address {other.address} appears to be serving HTTP when it should be Raft" in log


def test_where_users_are_known_founders_have_to_show_themselves(make_founders, home):
    users = home / "users.json"
    users.write_text(json.dumps([user("node", "join"), {"username": "*", "perms": ["ready", "status"]}]))
    anonymous = make_founders(2, "-auth", str(users))
    launch(anonymous)
    for node in anonymous:
        for text in ("unauthorized", "no cluster is founded yet"):
            eventually(lambda text=text: text in node.log())
        node.kill()
        node.flags += ("-join-as", "node")
    launch(anonymous)
    wait_until_ready(anonymous)
    assert members(anonymous[0]) == ["n1", "n2"]
