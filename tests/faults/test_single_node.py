"""One node: what its clients were told holds, whatever happens to its process, disk and clock. And
the checks themselves: where it does not hold, they say so."""

import shutil
import time

import pytest

from clients import Clients
from cluster import Observer
from fault_run import FaultRun, differences, new_seed
from faults import fill_disk, jump_clock, kill, pause

NOTHING = [lambda *_: "nothing happens"]
FAST = {"think": "3ms"}


@pytest.fixture
def single(make_cluster):
    cluster = make_cluster(1, clocks=True, disks=True)
    cluster.start()
    cluster.make_tables()
    return cluster


def test_nothing_happens(single, home):
    run = FaultRun(single, home, NOTHING, new_seed(), seconds=3, **FAST)
    run.run()
    assert run.counts["plain ok"] > 100


@pytest.mark.parametrize("faults", [[kill], [kill, pause, jump_clock, fill_disk]],
                         ids=["kill", "all"])
def test_faults(single, home, faults):
    FaultRun(single, home, faults, new_seed(), **FAST).run()


# Where something is wrong, the checks have to say so.

def judged(clients, cluster):
    violations, *_ = clients.judge(cluster.rows())
    return "\n".join(violations)


@pytest.fixture
def make_clients(home):
    made = []

    def make(**options):
        made.append(Clients(home, new_seed(), **options))
        return made[-1]

    yield make
    for clients in made:
        clients.close()


def test_two_nodes_that_know_nothing_of_each_other_are_no_cluster(make_cluster, make_clients):
    one, other = make_cluster(1), make_cluster(1)
    for each in (one, other):
        each.start()
        each.make_tables()
    clients = make_clients(**FAST)
    clients.use([*one.places(), *other.places()])
    time.sleep(2)
    clients.stop()
    found = judged(clients, one)
    assert "is not linearizable" in found
    assert "rows are lost" in found


def test_a_node_that_forgets_is_found_out(single, make_clients):
    member = single.members[1]
    clients = make_clients(**FAST)
    clients.use(single.places())
    time.sleep(1)
    member.kill()
    shutil.copytree(member.data, member.home / "copy")
    member.launch()
    single.leader()
    time.sleep(1)
    member.kill()
    shutil.rmtree(member.data)
    (member.home / "copy").rename(member.data)
    member.launch()
    single.leader()
    clients.stop()
    found = judged(clients, single)
    assert "is not linearizable" in found
    assert "rows are lost" in found


def test_a_row_that_is_there_twice_is_found(single, make_clients):
    clients = make_clients(**FAST)
    clients.use(single.places())
    time.sleep(0.5)
    clients.stop()
    single.members[1].client.must("INSERT INTO lines(line) SELECT line FROM lines LIMIT 1")
    assert "is there twice" in judged(clients, single)


def test_two_leaders_of_one_term_are_found():
    observer = Observer()
    observer.note("n1", "Leader", 1)
    observer.note("n2", "Leader", 2)
    observer.note("n1", "Follower", 2)
    assert not observer.violations()
    observer.note("n1", "Leader", 2)
    assert observer.violations() == ["term 2 had the leaders ['n1', 'n2']"]


def test_replicas_that_differ_are_found():
    assert not differences("replicas", {"n1": "a\nb", "n2": "a\nb"})
    assert differences("replicas", {"n1": "a\nb", "n2": "a\nc"}) == [
        "replicas differ: n1 and n2: ['b', 'c']"]
