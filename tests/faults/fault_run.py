"""A run: clients on every node, faults in an order that a seed decides, and what must hold in the
end."""

import os
import random
import time

from clients import Clients

SECONDS = float(os.environ.get("FAULT_SECONDS", "10"))
SEED = os.environ.get("FAULT_SEED")


def new_seed():
    """The one that FAULT_SEED names, or another each time."""
    return int(SEED) if SEED else random.SystemRandom().randrange(1 << 32)


class FaultRun:
    """On a cluster that is whole and has the tables of clients.py, unless the clients are others."""

    # What clients cannot have failed at all the time.
    must_have_done = ("read ok", "write ok", "swap ok", "plain ok", "queued ok", "keyed ok", "glance ok")

    def __init__(self, cluster, home, faults, seed, seconds=SECONDS, clients=None, **load):
        self.cluster = cluster
        self._faults = faults
        self._seconds = seconds
        self._chance = random.Random(seed)
        self._seed = seed
        self.clients = clients or Clients(home, seed, **load)
        self.leaderless = []  # seconds from the end of faults to a leader
        self.counts = {}

    def run(self):
        """Faults, then the checks; fails with all that is wrong."""
        print(f"FAULT_SEED={self._seed} FAULT_SECONDS={self._seconds:g}")
        try:
            self.clients.use(self.cluster.places())
            until = time.monotonic() + self._seconds
            while time.monotonic() < until:
                self._round()
            self.check()
        finally:
            self.clients.close()
            print(self.cluster.log())

    def _round(self):
        """One to three faults that overlap; then all is well for a while."""
        chance, cluster = self._chance, self.cluster
        for _ in range(chance.choice([1, 1, 2, 3])):
            fault = chance.choice(self._faults)
            cluster.note(fault(cluster, chance))
            time.sleep(chance.uniform(0, 1.5))
        time.sleep(chance.uniform(0, 2.5))
        cluster.heal()
        cluster.note("healed")
        began = time.monotonic()
        leader = cluster.leader()
        self.leaderless.append(time.monotonic() - began)
        cluster.note(f"{leader.id} leads after {self.leaderless[-1]:.2f} s")
        time.sleep(chance.uniform(0, 1.5))

    def check(self):
        cluster = self.cluster
        cluster.wait_until_whole()
        self.clients.stop()
        cluster.drain_queues()
        cluster.wait_for_the_late()
        violations = self.judge()
        print("leader after", " ".join(f"{each:.2f}" for each in self.leaderless), "s")
        violations += cluster.observer.violations()
        try:
            violations += differences("replicas", cluster.settle())
            violations += differences("files", cluster.stop())
        except AssertionError as failure:  # what was found before is worth more
            violations.append(str(failure))
        assert not violations, "\n".join(violations[:40])
        assert cluster.observer.replies > 0
        for done in self.must_have_done:
            assert self.counts.get(done, 0) > 0, f"nothing was done: {done}"

    def judge(self):
        """What clients were told that does not hold."""
        violations, self.counts, reasons = self.clients.judge(self.cluster.rows())
        print(self.counts)
        for reason, count in sorted(reasons.items(), key=lambda each: -each[1])[:40]:
            print(f"{count:8} {reason}")
        return violations


def differences(what, contents):
    """Of texts by name that should be alike."""
    (first, text), *others = contents.items()
    lines = set(text.splitlines())
    return [f"{what} differ: {first} and {name}: {sorted(lines ^ set(other.splitlines()))[:6]}"
            for name, other in others if other != text]
