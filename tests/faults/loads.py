"""Clients that load whole databases, and others that write and look meanwhile; and the judge of what
they were told. Each database is of one generation, which every row of it names."""

import itertools
import json
import random
import sqlite3
import threading
import time
from contextlib import closing
from typing import NamedTuple

from client import Client

WHOLE = "SELECT min(generation), max(generation), count(*), sum(length(filler)) FROM loaded"
GENERATION = "SELECT generation FROM loaded LIMIT 1"
WRITE = "INSERT INTO writes(line, generation) SELECT ?, generation FROM loaded LIMIT 1"
WRITES = "SELECT line, generation FROM writes ORDER BY id"
FILLER_BYTES = 4000
# Of a load, what promises that it has no effect.
REFUSALS = ("the database was not loaded", "another database is being loaded", "not leader",
            "leader not found", "store not ready", "store not open")
FOREVER = float("inf")


class Load(NamedTuple):
    generation: int
    call: float
    end: float  # the answer; of one that is unknown it is of no interest
    outcome: str  # "ok"; "failed": without effect; or "unknown"


class Sight(NamedTuple):
    """One saw that generation at a level that is linearizable."""
    generation: int
    call: float
    end: float


class Written(NamedTuple):
    line: str
    generation: int  # in which it was acknowledged, or None: it is unknown whether it is there


def content(path, generation, rows):
    """A database of that generation, as bytes."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE loaded(id INTEGER PRIMARY KEY, generation INTEGER, filler BLOB)")
        made.execute("CREATE TABLE writes(id INTEGER PRIMARY KEY, line TEXT, generation INTEGER)")
        made.executemany("INSERT INTO loaded(generation, filler) VALUES(?, randomblob(?))",
                         [(generation, FILLER_BYTES)] * rows)
        made.commit()
    data = path.read_bytes()
    path.unlink()
    return data


class Loaders:
    """Threads on every node. The first database is loaded before they begin."""

    LOADERS = 2
    PATIENCE = 15.0

    def __init__(self, cluster, home, seed):
        self._cluster = cluster
        self._home = home
        self._seed = seed
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = []
        self.rows = {}  # of `loaded`, by generation
        self.loads = []
        self.sights = []
        self.writes = []
        self.wrong = []
        self.reasons = {}  # for loads that were not acknowledged

    def use(self, places):
        """Begins."""
        addresses = [address for _, address in places]
        self._load(random.Random(self._seed), addresses[0])
        assert self.loads[0].outcome == "ok", self.reasons
        self._cluster.settle()  # so that who looks finds it everywhere
        behaviours = [self._load] * self.LOADERS + [self._write, self._look] * len(addresses)
        for number, behave in enumerate(behaviours):
            thread = threading.Thread(target=self._run, args=(number, behave, addresses))
            self._threads.append(thread)
            thread.start()

    def _run(self, number, behave, addresses):
        chance = random.Random(self._seed * 1000 + number)
        while not self._stopping.is_set():
            try:
                behave(chance, chance.choice(addresses))
            except Exception as failure:  # a thread that ended would make the run easier
                with self._lock:
                    self.wrong.append(f"{behave.__name__}: {failure!r}")
                return
            self._stopping.wait(chance.uniform(0, 0.4 if behave == self._load else 0.05))

    def stop(self):
        """Lets all of them end what they are at."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    close = stop

    # What they do, once.

    @staticmethod
    def _send(address, path, body, timeout):
        """The reply, or why there is none."""
        host, port = address.split(":")
        with closing(Client(host, int(port), timeout)) as client:
            try:
                return client.send("POST", path, body), ""
            except (OSError, EOFError, ValueError) as failure:
                return None, type(failure).__name__
            except Exception as failure:  # http.client has many names for a broken answer
                if type(failure).__module__ != "http.client":
                    raise
                return None, type(failure).__name__

    def _load(self, chance, address):
        with self._lock:
            generation = next(self._numbers)
            self.rows[generation] = rows = chance.choice([1, 50, 500, 1500])
        data = content(self._home / f"generation-{generation}", generation, rows)
        call = time.monotonic()
        reply, why = self._send(address, "/db/load", data, self.PATIENCE)
        end = time.monotonic()
        outcome = "unknown"
        if reply is not None and reply.status == 200 and reply.json == {"results": []}:
            outcome = "ok"
        elif reply is not None:
            why = f"{reply.status} {reply.text.strip()[:200]}"
            if any(refusal in reply.text for refusal in REFUSALS):
                outcome = "failed"
        with self._lock:
            self.loads.append(Load(generation, call, end, outcome))
            if outcome != "ok":
                why = f"{outcome}: {why}"
                self.reasons[why] = self.reasons.get(why, 0) + 1

    def _write(self, chance, address):
        line = f"{chance.getrandbits(64):x}"
        body = json.dumps([[WRITE, line], [GENERATION]])
        call = time.monotonic()
        reply, _ = self._send(address, "/db/request?transaction", body, 5)
        end = time.monotonic()
        results = reply.json.get("results", []) if reply and reply.status == 200 else []
        generation = None
        if len(results) == 2 and not any("error" in each for each in results):
            generation = results[1]["values"][0][0]
        with self._lock:
            self.writes.append(Written(line, generation))
            if generation is not None:
                self.sights.append(Sight(generation, call, end))
            elif any("no such" in str(each.get("error")) for each in results):
                self.wrong.append(f"a write found no tables: {results}")

    def _look(self, chance, address):
        level = chance.choice(["none", "none", "weak", "linearizable", "strong"])
        call = time.monotonic()
        reply, _ = self._send(address, f"/db/query?level={level}", json.dumps([WHOLE]), 5)
        end = time.monotonic()
        if reply is None or reply.status != 200 or "results" not in reply.json:
            return
        result = reply.results[0] if reply.results else {}
        if "values" not in result:
            if "no such" in str(result.get("error")):
                with self._lock:
                    self.wrong.append(f"a look found no tables: {result}")
            return
        generation, *_ = found = result["values"][0]
        with self._lock:
            rows = self.rows.get(generation)
            if rows is None or found != [generation, generation, rows, rows * FILLER_BYTES]:
                self.wrong.append(f"a database in pieces, at the level {level}: {found}")
            elif level in ("linearizable", "strong"):
                self.sights.append(Sight(generation, call, end))

    # The judge.

    def violations(self):
        """What is wrong, after stop(), by what the leader says in the end."""
        leader = self._cluster.leader()
        call = time.monotonic()
        reply = leader.ask("POST", "/db/query?level=strong", json.dumps([WHOLE, WRITES]), 60)
        (found,), lines = (result.get("values", []) for result in reply.results)
        generation = found[0]
        self.sights.append(Sight(generation, call, time.monotonic()))
        rows = self.rows.get(generation)
        if found != [generation, generation, rows, rows * FILLER_BYTES]:
            self.wrong.append(f"a database in pieces in the end: {found}")
        return (self.wrong + wrong_order(self.loads, self.sights)
                + wrong_lines(self.writes, generation, lines))

    def counts(self):
        counted = {f"load {outcome}": 0 for outcome in ("ok", "failed", "unknown")}
        for load in self.loads:
            counted[f"load {load.outcome}"] += 1
        counted["sight"] = len(self.sights)
        counted["write ok"] = sum(each.generation is not None for each in self.writes)
        counted["write unknown"] = len(self.writes) - counted["write ok"]
        return counted


def wrong_order(loads, sights):
    """Why loads and sights are not those of a register: each load writes another value, so that the
    spans in which one value has to be there tell all (Gibbons and Korach, 1997)."""
    wrong = []
    by_generation = {load.generation: load for load in loads}
    seen = {}
    for sight in sights:
        load = by_generation.get(sight.generation)
        if load is None or load.outcome == "failed":
            wrong.append(f"generation {sight.generation} was seen, which was not loaded")
        elif sight.end < load.call:
            wrong.append(f"generation {sight.generation} was seen before it was loaded")
        else:
            seen.setdefault(sight.generation, []).append(sight)
    holds = []  # it was there from the first to the second, both of them included
    moments = []  # it was there once between the first and the second
    for load in loads:
        sights_of_it = seen.get(load.generation, [])
        if load.outcome == "failed" or load.outcome == "unknown" and not sights_of_it:
            continue
        first_end = min([load.end if load.outcome == "ok" else FOREVER]
                        + [sight.end for sight in sights_of_it])
        last_call = max([load.call] + [sight.call for sight in sights_of_it])
        if first_end < last_call:
            holds.append((first_end, last_call, load.generation))
        else:
            moments.append((last_call, first_end, load.generation))
    holds.sort()
    for (_, end, one), (begin, _, other) in zip(holds, holds[1:]):
        if begin < end:
            wrong.append(f"generations {one} and {other} were there at the same time")
    for begin, end, generation in moments:
        for hold_begin, hold_end, other in holds:
            if hold_begin < begin and end < hold_end:
                wrong.append(f"generation {generation} was loaded while {other} stayed")
    return wrong


def wrong_lines(writes, generation, lines):
    """Why these `lines` of the database that is there in the end, which is of that generation, are
    not what was written to it."""
    wrong = [f"a line of generation {of} is in generation {generation}: {line}"
             for line, of in lines if of != generation]
    found = [line for line, _ in lines]
    for line in {line for line in found if found.count(line) > 1}:
        wrong.append(f"a line is there twice: {line}")
    may_be_there = {each.line for each in writes if each.generation in (None, generation)}
    must_be_there = {each.line for each in writes if each.generation == generation}
    wrong += [f"a line is lost: {line}" for line in sorted(must_be_there - set(found))]
    wrong += [f"nobody wrote this line here: {line}" for line in sorted(set(found) - may_be_there)]
    return wrong
