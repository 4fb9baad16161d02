"""Whole databases are loaded while nodes are killed, stopped and cut off: each is there whole or not
at all, none that was acknowledged is lost, and nothing is left of those that were not."""

import pytest

import faults
from fault_run import SECONDS, FaultRun, new_seed
from loads import Load, Loaders, Sight, Written, wrong_lines, wrong_order
from network import Bridge
from node import eventually

# Snapshots so often that many are taken while a database comes.
FLAGS = ("-raft-snap", "40", "-raft-snap-int", "100ms")
FAULTS = faults.OF_A_PROCESS + faults.OF_A_LEADER + faults.OF_A_NETWORK


class LoadRun(FaultRun):
    """With clients of its own."""

    must_have_done = ("load ok", "sight", "write ok")

    def __init__(self, cluster, home, faults_of_it, seed, seconds):
        super().__init__(cluster, home, faults_of_it, seed, seconds,
                         clients=Loaders(cluster, home, seed))

    def judge(self):
        violations = self.clients.violations()
        self.counts = self.clients.counts()
        print(self.counts)
        for reason, count in sorted(self.clients.reasons.items(), key=lambda each: -each[1]):
            print(f"{count:8} {reason}")
        violations += [f"{member.id} keeps {names}" for member, names in self._left() if names]
        return violations

    def _left(self):
        """What every node keeps of databases that have not come to be, once a snapshot is taken."""
        def look():
            return [(member, [each.name for each in (member.data / "aside").iterdir()])
                    for member in self.cluster]

        for member in self.cluster:
            member.ask("POST", "/snapshot", timeout=10)
        try:
            eventually(lambda: not any(names for _, names in look()), 5)
        except AssertionError:
            pass
        return look()


@pytest.fixture
def start_cluster(make_network, make_cluster):
    def start():
        cluster = make_cluster(3, network=make_network(Bridge, 3), flags=FLAGS)
        cluster.start_by_joining()
        return cluster

    return start


def test_loads(start_cluster, home):
    LoadRun(start_cluster(), home, FAULTS, new_seed(), SECONDS).run()


def test_nothing_happens(start_cluster, home):
    run = LoadRun(start_cluster(), home, [lambda *_: "nothing happens"], new_seed(), 3)
    run.run()
    assert run.counts["load unknown"] == run.counts["write unknown"] == 0


# Where something is wrong, the checks have to say so.

FIRST, SECOND = Load(1, 0, 1, "ok"), Load(2, 4, 5, "ok")


@pytest.mark.parametrize("loads, sights", [
    ([FIRST, SECOND], [Sight(1, 2, 3), Sight(1, 2, 4.5), Sight(2, 4.5, 6)]),
    ([FIRST, SECOND], [Sight(2, 4.2, 4.4), Sight(2, 8, 9)]),
    ([FIRST, Load(2, 4, 5, "failed")], [Sight(1, 8, 9)]),
    ([FIRST, Load(2, 4, 5, "unknown")], [Sight(1, 8, 9), Sight(2, 10, 11)]),
    ([FIRST, Load(2, 4, 5, "unknown")], [Sight(2, 4.5, 11)]),
    ([FIRST, SECOND, Load(3, 4, 5, "ok")], [Sight(2, 8, 9)]),
])
def test_right_orders(loads, sights):
    assert not wrong_order(loads, sights)


@pytest.mark.parametrize("loads, sights, found", [
    ([FIRST, SECOND], [Sight(1, 6, 7)], "generation 2 was loaded while 1 stayed"),
    ([FIRST, SECOND], [Sight(2, 2, 3)], "was seen before it was loaded"),
    ([FIRST, Load(2, 4, 5, "failed")], [Sight(2, 8, 9)], "was not loaded"),
    ([FIRST], [Sight(2, 8, 9)], "was not loaded"),
    ([FIRST, SECOND], [Sight(2, 4.2, 4.3), Sight(1, 4.4, 4.5)], "generation 2 was loaded while 1"),
    ([FIRST, SECOND], [Sight(2, 4.2, 4.3), Sight(1, 4.4, 4.5), Sight(2, 4.6, 4.7)], "same time"),
])
def test_wrong_orders(loads, sights, found):
    assert found in "\n".join(wrong_order(loads, sights))


@pytest.mark.parametrize("lines, found", [
    ([["a", 2], ["c", 2]], ""),
    ([["a", 2]], ""),
    ([["c", 2]], "a line is lost: a"),
    ([["a", 2], ["a", 2]], "twice"),
    ([["a", 2], ["b", 2]], "nobody wrote this line here: b"),
    ([["a", 1]], "a line of generation 1"),
])
def test_lines(lines, found):
    writes = [Written("a", 2), Written("b", 1), Written("c", None)]
    wrong = "\n".join(wrong_lines(writes, 2, lines))
    assert found in wrong and bool(found) == bool(wrong)
