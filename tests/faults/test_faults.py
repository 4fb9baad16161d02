"""Clusters under faults in random order, with clients on every node."""

import time

import pytest

import faults
from fault_run import SECONDS, FaultRun, new_seed
from network import Bridge, Wire

ALL = (faults.OF_A_PROCESS + faults.OF_A_LEADER + faults.OF_A_DISK + faults.OF_A_CLOCK
       + faults.OF_A_NETWORK)


@pytest.fixture
def start_cluster(make_network, make_cluster):
    def start(kind, size):
        cluster = make_cluster(size, network=make_network(kind, size), clocks=True, disks=True)
        cluster.start_by_joining()
        cluster.make_tables()
        return cluster

    return start


def test_nothing_happens(start_cluster, home):
    run = FaultRun(start_cluster(Bridge, 3), home, [lambda *_: "nothing happens"], new_seed(),
                   seconds=3)
    run.run()
    assert not any(why.endswith(("unknown", "failed")) and count for why, count in run.counts.items()
                   if why.startswith(("read", "write", "swap", "plain", "keyed", "glance")))


def test_faults_on_a_bridge(start_cluster, home):
    FaultRun(start_cluster(Bridge, 3), home, ALL, new_seed()).run()


def test_faults_on_a_wire(start_cluster, home):
    FaultRun(start_cluster(Wire, 5), home, ALL + faults.OF_A_WIRE, new_seed()).run()


def test_faults_while_members_come_and_go(make_network, make_cluster, home):
    cluster = make_cluster(5, network=make_network(Bridge, 5))
    cluster.start_by_expecting()  # so that each of them may begin anew
    cluster.make_tables()
    rest = faults.OF_A_PROCESS + faults.OF_A_LEADER + faults.OF_A_NETWORK
    FaultRun(cluster, home, 3 * faults.OF_THE_MEMBERS + rest, new_seed()).run()


@pytest.mark.parametrize("of", ["PROCESS", "LEADER", "DISK", "CLOCK", "NETWORK", "WIRE"])
def test_faults_of_one_kind(start_cluster, home, of):
    """Short, for all of them are in the runs above; but what goes wrong is easier to understand
    here."""
    FaultRun(start_cluster(Wire, 3), home, getattr(faults, f"OF_A_{of}"), new_seed(),
             seconds=SECONDS / 3).run()


def test_what_a_dead_process_had_sent_comes_too_late(make_network, make_cluster):
    """Its host goes on sending what it had written to a connection, at intervals that grow. It must
    not come behind what the next process of that node writes."""
    network = make_network(Bridge, 3)
    cluster = make_cluster(3, network=network)
    cluster.start_by_joining()
    leader = cluster.leader()
    leader.client.must("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)")
    node = next(member for member in cluster if member is not leader)

    def insert(value, wait=""):
        body = f"""["INSERT INTO t(v) VALUES('{value}')"]"""
        reply = node.ask("POST", f"/db/execute?queue{wait}", body, timeout=10)
        assert reply.status == 200, reply.text

    insert("first", "&wait")
    network.cut_both(node.number, leader.number)
    insert("left")
    time.sleep(3.4)  # after 0.2 + 0.4 + 0.8 + 1.6 s it was tried again, and will be after 3.2 more
    node.kill()
    network.heal()
    node.start()
    insert("second", "&wait")
    cluster.settle()  # now that has happened
    values = [row[0] for row in leader.client.rows("SELECT v FROM t ORDER BY id")]
    assert values in (["first", "left", "second"], ["first", "second"])


def test_what_was_held_back_by_a_link_comes_before_replicas_are_compared(make_network, make_cluster):
    """Its client has given it up long before."""
    network = make_network(Wire, 3)
    cluster = make_cluster(3, network=network)
    cluster.start_by_joining()
    leader = cluster.leader()
    leader.client.must("CREATE TABLE t(v TEXT)")
    node = next(member for member in cluster if member is not leader)
    insert = """["INSERT INTO t VALUES('held back')"]"""
    network.shape(node.number, leader.number, loss=1.0)
    assert node.ask("POST", "/db/execute", insert, timeout=1) is None
    time.sleep(0.8)  # tried again after 0.2 + 0.4 + 0.8 s, and then after 1.6 s more
    network.heal()
    assert leader.client.rows("SELECT v FROM t") == []
    for text in cluster.settle().values():
        assert "held back" in text
