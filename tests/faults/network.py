"""Network namespaces for nodes: each has an address of its own, and what passes between them can be
cut, whole or in one direction, or made bad.

Names are rqf<n> and rqf<n>-<member>, addresses 198.18.<n>.<member>; the tests themselves are at
198.18.<n>.254, whose links are never touched. A lock on a file says that somebody uses n: what is
left of a run that died without cleaning up is removed by the next one.
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from programs import program

NUMBERS = 250
LOCKS = Path("/run/lock")
NAMESPACES = Path("/run/netns")
HOST = 254


class NotAllowed(Exception):
    """Networks cannot be made here; the text says why."""


def ip(*words):
    """Runs ip(8); raises CalledProcessError."""
    return subprocess.run(["ip", *map(str, words)], check=True, capture_output=True,
                          text=True).stdout


class Network:
    """What both kinds of network have in common: namespaces, addresses, and blackhole routes. Use as
    a context. `size` members, numbered from 1."""

    def __init__(self, size):
        self.size = size
        self._number = None
        self._lock = None
        self._holes = set()  # pairs (from, to) with a blackhole route
        self._worse_since = None  # monotonic; None while all links are as they should be
        self._late_until = 0.0

    def __enter__(self):
        self._take_number()
        try:
            self._build()
        except BaseException as problem:
            self._remove()
            reason = str(getattr(problem, "stderr", "") or problem).strip()
            if re.search("not permitted|denied|/dev/net/tun", reason):
                raise NotAllowed(reason) from problem
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def address(self, member):
        return f"198.18.{self._number}.{member}"

    def namespace(self, member):
        return f"{self.name}-{member}"

    def prefix(self, member):
        """A command that runs another one in the member's namespace, as the same process."""
        return ["nsenter", f"--net={NAMESPACES / self.namespace(member)}", "--"]

    @property
    def name(self):
        return f"rqf{self._number}"

    @property
    def members(self):
        return range(1, self.size + 1)

    # Cuts. The sender finds that it has no way to the receiver; what is sent to it arrives.

    def cut(self, sender, receiver):
        if (sender, receiver) not in self._holes:
            self._note_worse()
            self._route("add", sender, receiver)
            self._holes.add((sender, receiver))

    def cut_both(self, one, other):
        self.cut(one, other)
        self.cut(other, one)

    def split(self, *groups):
        """Members of different groups cannot reach each other."""
        for i, group in enumerate(groups):
            for other in groups[i + 1:]:
                for one in group:
                    for another in other:
                        self.cut_both(one, another)

    def isolate(self, member):
        self.split([member], [each for each in self.members if each != member])

    def mend(self, sender, receiver):
        if (sender, receiver) in self._holes:
            self._route("del", sender, receiver)
            self._holes.discard((sender, receiver))

    def heal(self):
        for sender, receiver in list(self._holes):
            self.mend(sender, receiver)
        self._note_healed()

    # What comes late. A sender's TCP doubles the time between two attempts, so the first attempt that
    # gets through comes no longer after healing than links were bad, and what the sender took for
    # its first interval: a second, if it was connecting. A process that ended meanwhile changes
    # nothing, for its kernel goes on.

    def wait_for_the_late(self):
        """After heal(): until all that was sent while links were bad has arrived."""
        time.sleep(max(0.0, self._late_until - time.monotonic()))

    def _note_worse(self):
        if self._worse_since is None:
            self._worse_since = time.monotonic()

    def _note_healed(self):
        if self._worse_since is not None:
            now = time.monotonic()
            self._late_until = max(self._late_until, now + (now - self._worse_since) + 1.0)
            self._worse_since = None

    def _route(self, change, sender, receiver):
        ip("-n", self.namespace(sender), "route", change, "blackhole", f"{self.address(receiver)}/32")

    # Making and removing.

    def _take_number(self):
        if os.geteuid() != 0:
            raise NotAllowed("only root may make them")
        # Dead runs may have left processes, so all that is left goes, not only what is in our way.
        for number in {int(re.match(r"rqf(\d+)-", path.name)[1]) for path in NAMESPACES.glob("rqf*-*")}:
            if self._lock_number(number):
                self._remove()
        taken_by_others = ip("-4", "-o", "address")
        for number in range(NUMBERS):
            if f" 198.18.{number}." not in taken_by_others and self._lock_number(number):
                return
        raise NotAllowed("all numbers of networks are taken")

    def _lock_number(self, number):
        """Whether it is ours now."""
        LOCKS.mkdir(exist_ok=True)
        lock = open(LOCKS / f"rqlite-faults-{number}", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        self._number, self._lock = number, lock
        return True

    def _build(self):
        for member in self.members:
            name = self.namespace(member)
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self._connect()

    def _connect(self):
        raise NotImplementedError

    def _bring_up(self, member, interface):
        name = self.namespace(member)
        ip("-n", name, "address", "add", f"{self.address(member)}/24", "dev", interface)
        ip("-n", name, "link", "set", interface, "up")

    def _remove(self):
        """Whatever has our names, made by us or by a run that died, processes included."""
        for path in NAMESPACES.glob(f"{self.name}-*"):
            for process in ip("netns", "pids", path.name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            ip("netns", "del", path.name)
        # Links end with their namespace, but only some time after it was removed.
        for path in Path("/sys/class/net").glob(f"{self.name}*"):
            if re.fullmatch(rf"{self.name}(v\d+)?", path.name):
                with contextlib.suppress(subprocess.CalledProcessError):  # it was quicker
                    ip("link", "del", path.name)
        self._lock.close()


class Bridge(Network):
    """Members joined by a bridge of the kernel: as fast as it gets."""

    def _connect(self):
        ip("link", "add", self.name, "type", "bridge")
        ip("address", "add", f"{self.address(HOST)}/24", "dev", self.name)
        ip("link", "set", self.name, "up")
        for member in self.members:
            outside = f"{self.name}v{member}"
            ip("link", "add", outside, "type", "veth",
               "peer", "name", "eth0", "netns", self.namespace(member))
            ip("link", "set", outside, "master", self.name, "up")
            self._bring_up(member, "eth0")


class Wire(Network):
    """Members joined by the program `wire`, which makes links as bad as they are to be."""

    def __init__(self, size, seed=1):
        super().__init__(size)
        self._seed = seed
        self._process = None
        self._bad = set()  # pairs (from, to) that are not perfect

    def _connect(self):
        ports = {member: f"{self.name}t{member}" for member in self.members} | {HOST: self.name}
        self._process = subprocess.Popen(
            [program("wire"), "-seed", str(self._seed),
             *(f"{name}={self.address(member)}" for member, name in ports.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise OSError(self._process.stderr.read().strip())
        for member in self.members:
            # Room for bursts: what `wire` loses is to be what it was told to lose.
            ip("link", "set", ports[member], "txqueuelen", 10000, "netns", self.namespace(member))
            self._bring_up(member, ports[member])
        ip("address", "add", f"{self.address(HOST)}/24", "dev", self.name)
        ip("link", "set", self.name, "txqueuelen", 10000, "up")

    def shape(self, sender, receiver, delay=0.0, jitter=0.0, loss=0.0, duplicate=0.0, reorder=0.0):
        """What that direction is like from now on: seconds, and parts of all packets. A loss of 1
        cuts it without the sender noticing."""
        self._tell(f"{self.address(sender)} {self.address(receiver)} {delay * 1000:.3f}ms "
                   f"{jitter * 1000:.3f}ms {loss:.4f} {duplicate:.4f} {reorder:.4f}")
        pair = (sender, receiver)
        if delay or jitter or loss or duplicate or reorder:
            self._note_worse()
            self._bad.add(pair)
        else:
            self._bad.discard(pair)

    def shape_both(self, one, other, **quality):
        self.shape(one, other, **quality)
        self.shape(other, one, **quality)

    def heal(self):
        for sender, receiver in list(self._bad):
            self.shape(sender, receiver)
        super().heal()

    def _tell(self, order):
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer == "ok\n", answer + self._process.stderr.read()

    def _remove(self):
        if self._process is not None:
            self._process.stdin.close()
            try:
                self._process.wait(10)
            finally:
                self._process.kill()
                self._process.stdout.close()
                self._process.stderr.close()
        super()._remove()

