"""Several rqlited processes that make one cluster, and what a test does to them."""

import json
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from client import Client
from clients import ALL_LINES, SCHEMA
from clock import Clock
from disk import Ballast, mount_small, unmount
from node import HOST, Node, eventually, free_ports

# What nodes run with here: snapshots often, so that faults meet them, and members that fell behind
# need them.
FLAGS = ("-raft-snap", "500", "-raft-snap-int", "1s")
DISK_MEBIBYTES = 256
# The longest time after faults have ended until there is a leader.
LEADER_WITHIN = 5.0


class Member(Node):
    """A node with an identity, and perhaps with a network, a clock and a disk of its own."""

    def __init__(self, number, home, *flags):
        super().__init__(home, "-node-id", f"n{number}", *flags)
        self.number = number
        self.id = f"n{number}"
        self.clock = None
        self.ballast = None
        self.is_wanted = False  # to run
        self.is_paused = False
        self.disk_is_full = False
        self.disk_was_full = False  # at some time since it was started

    def launch(self):
        self.disk_was_full = self.disk_is_full
        super().launch()
        self.is_wanted = True

    def fill_disk(self, leave):
        self.disk_is_full = self.disk_was_full = True
        self.ballast.fill(leave)

    def ask(self, method, path, body=None, timeout=1.0, headers=None):
        """One request on a connection of its own; None if there is no answer in time."""
        with closing(Client(self.host, self.port, timeout)) as client:
            try:
                return client.send(method, path, body, headers)
            except (OSError, EOFError, ValueError):
                return None
            except Exception as problem:  # http.client has many names for a broken answer
                if type(problem).__module__ != "http.client":
                    raise
                return None

    def report(self, timeout=1.0):
        """The part `store` of its /status; None if there is no answer, or its store is not open."""
        reply = self.ask("GET", "/status?key=store", timeout=timeout)
        store = reply.json if reply and reply.status == 200 else {}
        return store if "raft" in store else None

    def pause(self):
        self.signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self):
        self.signal(signal.SIGCONT)
        self.is_paused = False

    def has_joined(self):
        """It does not ask to be let in any longer, which a signal would end with an error: even who
        is a member already asks at its start."""
        return "node HTTP API available" in self.log()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.is_wanted = self.is_paused = False
        super().kill()

    def stop(self):
        self.is_wanted = False
        return super().stop()

    def file_contents(self):
        """Its database, as text, from the file of a node that was stopped."""
        with closing(sqlite3.connect(self.data / "db.sqlite")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return "\n".join(database.iterdump())


class Cluster:
    """Members numbered from 1. Its methods are for one thread, but for those that say otherwise."""

    def __init__(self, home, size, network=None, clocks=False, disks=False, flags=FLAGS):
        self.home = home
        self.network = network
        self.members = {}
        self._clocks = clocks
        self._disks = disks
        self._flags = flags
        self._mounted = []
        self._log = []
        self._began = time.monotonic()
        self.observer = Observer()
        for _ in range(size):
            self.add()

    # Making members.

    def add(self, *flags):
        """One more, not started."""
        number = len(self.observer.watched) + 1
        place = self.home / f"n{number}"
        if self._disks:
            mount_small(place, DISK_MEBIBYTES)
            self._mounted.append(place)
        member = Member(number, place, *self._flags, *flags)
        if self.network is None:
            member.settle_at(HOST, *free_ports(2))
        else:
            member.settle_at(self.network.address(number), 4001, 4002)
            member.wrapper += self.network.prefix(number)
        if self._disks:
            member.ballast = Ballast(place)
        if self._clocks:
            place.mkdir(exist_ok=True)
            member.clock = Clock(place / "clock")
            member.wrapper += member.clock.prefix()
        self.members[number] = member
        self.observer.watch(member)
        return member

    def forget(self, member):
        """It is no member any longer."""
        del self.members[member.number]

    def start_by_joining(self):
        """The first alone; the others join it."""
        first, *others = self
        first.start()
        for member in others:
            # Whoever is there when it is started again.
            member.flags += ("-join", ",".join(
                other.raft_address for other in self if other is not member))
            member.launch()
        self.wait_until_whole()

    def start_by_expecting(self):
        """All at once, each with the same list."""
        addresses = ",".join(member.raft_address for member in self)
        for member in self:
            member.flags += ("-bootstrap-expect", str(len(self.members)), "-join", addresses)
            member.launch()
        self.wait_until_whole()

    def start(self):
        if len(self.members) == 1:
            next(iter(self)).start()
        else:
            self.start_by_expecting()

    def make_tables(self):
        self.leader().client.must(*SCHEMA)

    def __iter__(self):
        return iter(list(self.members.values()))

    def places(self):
        return [(member.id, member.address) for member in self]

    # What can be seen.

    def note(self, text):
        """For the log of the run."""
        self._log.append(f"{time.monotonic() - self._began:8.3f} {text}")

    def log(self):
        return "\n".join(self._log)

    def reports(self, timeout=1.0):
        """report() of all, by number."""
        with ThreadPoolExecutor(max(1, len(self.members))) as pool:
            return dict(zip(self.members, pool.map(lambda each: each.report(timeout), self)))

    def find_leader(self):
        """The member that leads and that a majority, itself included, takes for the leader; None if
        there is none just now."""
        reports = {number: report for number, report in self.reports().items() if report}
        for number, report in reports.items():
            if report["raft"]["state"] != "Leader":
                continue
            believers = [each for each in reports.values()
                         if each["leader"]["node_id"] == self.members[number].id
                         and each["raft"]["term"] == report["raft"]["term"]]
            if len(believers) > len(self.members) // 2:
                return self.members[number]
        return None

    def has_all_its_voters(self):
        """Whether all are ready, and voters as far as all know."""
        reports = self.reports().values()
        voters = [report and sum(each["suffrage"] == "voter" for each in report["nodes"])
                  for report in reports]
        replies = [member.ask("GET", "/readyz") for member in self]
        return (all(count == len(self.members) for count in voters)
                and all(reply and reply.status == 200 for reply in replies))

    def leader(self, within=LEADER_WITHIN):
        """Waits for one. Nodes that ended because they found none are started again meanwhile, as
        whatever supervises them would."""
        def look():
            self.supervise()
            return self.find_leader()

        return eventually(look, within, every=0.02)

    def supervise(self):
        """Starts again what ended by itself, if it may end so."""
        for member in self:
            if member.is_wanted and not member.runs():
                code = member.wait()
                excuse = "clustering failure" in member.log() or member.disk_was_full
                assert code == 1 and excuse, f"{member.id} ended with {code}:\n{member.log()[-3000:]}"
                self.note(f"{member.id} ended by itself: {member.log().strip().splitlines()[-1]}")
                member.launch()

    def wait_until_whole(self, within=30.0):
        """Until all are ready and agree on who leads; who that is."""
        def is_whole():
            self.supervise()
            leader = self.find_leader()
            replies = [member.ask("GET", "/readyz") for member in self]
            are_ready = all(reply and reply.status == 200 for reply in replies)
            return leader if are_ready and all(member.has_joined() for member in self) else None

        return eventually(is_whole, within, every=0.05)

    # Undoing what was done.

    def heal(self):
        """Ends all faults but clocks that are wrong."""
        for member in self:
            if member.disk_is_full:
                member.ballast.drop()
                member.disk_is_full = False
        if self.network is not None:
            self.network.heal()
        for member in self:
            if member.is_paused:
                member.resume()
            if not member.runs():
                if member.is_wanted:
                    self.supervise()
                else:
                    member.launch()

    # The end.

    def drain_queues(self):
        for member in self:
            reply = member.ask("POST", "/db/execute?queue&wait", "[]", timeout=35)
            assert reply and reply.status == 200, f"{member.id}: the queue does not drain: {reply}"

    def wait_for_the_late(self):
        """For what bad links held back: a client may have given it up, and it is applied yet."""
        if self.network is not None:
            self.network.wait_for_the_late()

    def settle(self, within=20.0):
        """Waits until all have applied the same, and nothing more comes; the contents that each of
        them has."""
        self.wait_for_the_late()

        def applied():
            reports = self.reports().values()
            indexes = [each and each["raft"]["applied_index"] for each in reports]
            return indexes[0] if len(set(indexes)) == 1 else None

        index = None
        while (again := eventually(applied, within)) != index:
            index = again
            time.sleep(0.1)  # long enough for what was still on its way
        dumps = {}
        for member in self:
            reply = member.ask("GET", "/db/backup?fmt=sql&noleader", timeout=60)
            assert reply and reply.status == 200, f"{member.id}: {reply}"
            dumps[member.id] = reply.text
        return dumps

    def rows(self):
        """The lines as they are in the end."""
        reply = self.leader().ask("POST", "/db/query?level=strong", json.dumps([ALL_LINES]), 60)
        return reply.results[0].get("values", [])

    def stop(self):
        """Clean stops, one after the other, and the files' contents. The last ones have no majority
        to stop in, which must not trouble them."""
        for member in self:
            assert member.stop() == 0, f"{member.id}:\n{member.log()[-3000:]}"
        return {member.id: member.file_contents() for member in self}

    def close(self):
        self.observer.close()
        for member in self.observer.watched:
            member.kill()
            if member.clock is not None:
                member.clock.close()
        for place in self._mounted:
            unmount(place)


class Observer:
    """Looks at /status of all nodes all the time, for what must never be seen: two leaders of one
    term."""

    EVERY = 0.1

    def __init__(self):
        self.watched = []
        self.leaders = {}  # term -> identities of those that said that they led in it
        self.replies = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads = []

    def watch(self, member):
        self.watched.append(member)
        self._threads.append(threading.Thread(target=self._run, args=(member,), daemon=True))
        self._threads[-1].start()

    def _run(self, member):
        while not self._closing.wait(self.EVERY):
            if not member.is_wanted or member.is_paused:
                continue
            if report := member.report(0.5):
                self.note(member.id, report["raft"]["state"], report["raft"]["term"])

    def note(self, name, state, term):
        with self._lock:
            self.replies += 1
            if state == "Leader":
                self.leaders.setdefault(term, set()).add(name)

    def violations(self):
        with self._lock:
            return [f"term {term} had the leaders {sorted(names)}"
                    for term, names in sorted(self.leaders.items()) if len(names) > 1]

    def close(self):
        self._closing.set()
        for thread in self._threads:
            thread.join()
