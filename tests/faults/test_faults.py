"""Clusters under faults in random order, with clients on every node."""

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


@pytest.mark.parametrize("of", ["PROCESS", "LEADER", "DISK", "CLOCK", "NETWORK", "WIRE"])
def test_faults_of_one_kind(start_cluster, home, of):
    """Short, for all of them are in the runs above; but what goes wrong is easier to understand
    here."""
    FaultRun(start_cluster(Wire, 3), home, getattr(faults, f"OF_A_{of}"), new_seed(),
             seconds=SECONDS / 3).run()
