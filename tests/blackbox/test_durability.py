"""What was acknowledged survives: kill -9 again and again, damaged logs, full disks."""

import os
import re
import sqlite3
import time

import pytest

from disk import MEBI, Ballast
from node import eventually
from writers import (INSERT, TABLE, Keyed, Ledger, Writers, curious, forgotten, numbered, plain,
                     queued, transactions)

# Longer soaks: KILL_ROUNDS=1000 KILL_SECONDS=5 pytest tests/blackbox/test_durability.py
ROUNDS = int(os.environ.get("KILL_ROUNDS", "8"))
SECONDS = float(os.environ.get("KILL_SECONDS", "2"))

# Snapshots all the time, so that the kill hits every step of them.
SNAPSHOTS = ("-raft-snap", "300", "-raft-snap-int", "50ms")
TWELVE = [plain] * 4 + [queued] * 6 + [forgotten] * 2


def those_who_ask(ledger):
    """Writers of which something can be asked after a restart."""
    return [numbered(ledger), numbered(ledger, "wait"), curious(ledger), transactions(ledger),
            transactions(ledger, "wait")]


def integrity(client):
    return client.column("PRAGMA integrity_check")


def dump(client, *tables):
    return {table: client.rows(f"SELECT rowid, * FROM {table}") for table in tables}


# kill -9

def test_what_is_acknowledged_survives_kill_after_kill(start_node):
    node = start_node(*SNAPSHOTS)
    node.client.must(TABLE)
    ledger = Ledger()
    keyed = [Keyed(ledger), Keyed(ledger, "queue", "wait")]
    snapshots = 0
    for number in range(ROUNDS):
        writers = Writers(node, ledger, f"round {number}", *TWELVE, *those_who_ask(ledger), *keyed)
        time.sleep(SECONDS)  # the length of the soak
        snapshots += node.client.status("store.snapshots.taken")
        node.kill()
        writers.join()
        assert node.start() < 10
        ledger.note_restart()
        assert integrity(node.client) == ["ok"]
        ledger.check(node.client)
        ledger.check_states(node.client)
        ledger.check_order(node.client)
    for each in keyed:
        each.finish(node.client)
    ledger.check(node.client)
    assert len(ledger.acknowledged) > 100 * ROUNDS
    assert snapshots > ROUNDS
    assert node.stop() == 0
    with sqlite3.connect(node.data / "db.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_kill_right_after_the_answer_loses_nothing(start_node):
    node = start_node()
    node.client.must(TABLE)
    for n in range(10):
        write = plain if n % 2 == 0 else queued
        assert write(node.client, str(n))
        node.kill()
        node.start()
        assert node.client.column("SELECT key FROM written") == [str(i) for i in range(n + 1)]


def test_a_kill_during_start_up_loses_nothing(start_node):
    node = start_node("-raft-snap", "1000000", "-raft-snap-wal-size", "0")
    node.client.must(TABLE, *([INSERT, str(n)] for n in range(2000)))
    for n in range(2000):
        assert plain(node.client, f"more {n}")
    node.kill()
    for delay in (0.001, 0.005, 0.01, 0.02, 0.04, 0.08):
        node.launch()
        time.sleep(delay)  # it is the delay that is tried out
        node.kill()
    node.start()
    assert node.client.value("SELECT count(*) FROM written") == 4000


def test_a_restart_after_a_kill_is_quick(start_node):
    node = start_node(*SNAPSHOTS)
    node.client.must("CREATE TABLE big(id INTEGER PRIMARY KEY, data)")
    for _ in range(20):
        node.client.must("INSERT INTO big(data) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                         "SELECT i+1 FROM n WHERE i < 2000) SELECT randomblob(1000) FROM n")
    eventually(lambda: node.client.status("store.snapshots.taken") > 0)
    node.kill()
    assert node.start() < 3
    assert node.client.value("SELECT count(*) FROM big") == 40000


def test_time_and_chance_come_out_alike_when_entries_are_applied_again(start_node):
    node = start_node("-raft-snap", "1000000", "-raft-snap-wal-size", "0")
    client = node.client
    client.must("CREATE TABLE t(n, at DEFAULT CURRENT_TIMESTAMP, r DEFAULT (random()))",
                "CREATE TABLE audit(at, r, b)",
                "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO audit VALUES("
                "strftime('%Y-%m-%d %H:%M:%f', 'now'), random(), hex(randomblob(8))); END",
                "CREATE TABLE picked(n)")
    for n in range(100):
        client.must(["INSERT INTO t(n) VALUES(?)", n],
                    "INSERT INTO t(n) SELECT datetime('now')")
        client.queue(["INSERT INTO t(n, at) VALUES(random(), unixepoch())"])
    client.must("INSERT INTO picked SELECT n FROM t ORDER BY random() LIMIT 20")
    client.queue("[]", "wait")
    before = dump(client, "t", "audit", "picked")
    assert len({row[-1] for row in before["t"]}) == 300
    node.kill()
    node.start()
    assert dump(node.client, "t", "audit", "picked") == before


def test_the_counts_of_the_connection_survive(start_node):
    node = start_node()
    node.client.must("CREATE TABLE t(id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES(41), (42)")
    for stop in (node.kill, node.stop):
        stop()
        node.start()
        assert node.client.must("CREATE TABLE IF NOT EXISTS t(id)") == [
            {"last_insert_id": 42, "rows_affected": 2}]


def test_a_clean_stop_leaves_nothing_to_apply_again(start_node):
    node = start_node()
    node.client.must(TABLE)
    for n in range(100):
        plain(node.client, str(n))
    assert node.stop() == 0
    with sqlite3.connect(node.data / "db.sqlite") as database:
        assert database.execute("SELECT count(*) FROM written").fetchall() == [(100,)]
    node.start()
    assert node.client.value("SELECT count(*) FROM written") == 100


# Damaged logs. Every offset is tried by the log's own tests; here it is the process that counts.

@pytest.fixture
def killed(start_node):
    """A node that died with ten rows in its log, and none in its database."""
    node = start_node("-raft-snap", "1000000")
    node.client.must(TABLE)
    for n in range(10):
        assert plain(node.client, str(n))
    node.kill()
    return node


def last_segment(node):
    """The newest segment that has records, and where they end."""
    for path in reversed(node.log_segments()):
        end = len(path.read_bytes().rstrip(b"\0"))
        if end > 4096:
            return path, end
    raise AssertionError("no segment has records")


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_tail_is_cut_off_and_reported(killed, cut):
    path, end = last_segment(killed)
    overwrite(path, end - cut, b"\0" * cut)
    killed.start()
    assert killed.client.column("SELECT key FROM written") == [str(n) for n in range(9)]
    assert "cut off what a crash left half written" in killed.log()
    assert plain(killed.client, "again")
    killed.kill()
    killed.start()
    assert killed.client.column("SELECT key FROM written")[-1] == "again"


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_log_file_that_was_cut_short_keeps_what_is_left(killed, cut):
    path, end = last_segment(killed)
    size = path.stat().st_size
    os.truncate(path, end - cut)
    killed.start()
    # Records are padded: what was cut off behind the last one is no loss.
    whole = 10 if cut == 0 else 9
    assert killed.client.column("SELECT key FROM written") == [str(n) for n in range(whole)]
    assert f"cut off what a crash left half written in {path}" in killed.log()
    assert path.stat().st_size == size
    assert plain(killed.client, "again")
    killed.kill()
    killed.start()
    assert killed.client.column("SELECT key FROM written")[-1] == "again"


def test_garbage_behind_the_last_record_is_no_trouble(killed):
    path, end = last_segment(killed)
    overwrite(path, end + 64, os.urandom(4096))
    killed.start()
    assert killed.client.value("SELECT count(*) FROM written") == 10


@pytest.mark.parametrize("back", [300, 600])
def test_damage_in_front_of_intact_records_refuses_to_start(killed, back):
    path, end = last_segment(killed)
    overwrite(path, end - back, b"\xde\xad\xbe\xef" * 10)
    before = path.read_bytes()
    for _ in range(2):
        code, log = killed.fail_to_start()
        assert code == 1
        message = re.search(r"failed to open store: (.*)", log)[1]
        assert path.name in message and "damaged" in message
        assert "A member of a cluster joins again with an empty one" in message
        assert "A node that is alone begins with an empty one and loads a backup" in message
    assert path.read_bytes() == before


@pytest.mark.parametrize("missing", ["what has records", "all of it"])
def test_a_missing_log_refuses_to_start(killed, missing):
    gone = [last_segment(killed)[0]] if missing == "what has records" else killed.log_segments()
    for path in gone:
        path.unlink()
    code, log = killed.fail_to_start()
    assert code == 1
    assert "failed to open store: " in log


def test_a_missing_database_refuses_to_start(start_node):
    node = start_node()
    node.client.must(TABLE)
    assert node.stop() == 0
    (node.data / "db.sqlite").unlink()
    code, log = node.fail_to_start()
    assert code == 1
    assert re.search(r"failed to open store: .*db.sqlite is missing", log)


@pytest.mark.parametrize("damage, said", [
    (lambda path: os.truncate(path, path.stat().st_size - 4096), "file is cut short"),
    (lambda path: os.truncate(path, 0), "file is empty"),
    (lambda path: overwrite(path, 0, b"x" * 4096), "file is not an SQLite database"),
])
def test_a_database_that_is_cut_short_or_none_refuses_to_start(start_node, damage, said):
    node = start_node()
    node.client.must(TABLE)
    assert node.stop() == 0
    damage(node.data / "db.sqlite")
    code, log = node.fail_to_start()
    assert code == 1
    assert re.search(rf"failed to open store: .*db.sqlite: .*{said}.*Put the data dir", log)


def damage_newest_record(node, offset):
    """Flips a bit of the newer one of the two records of the snapshot; the file, and where in it that
    record is."""
    path = node.data / "raft" / "snapshot"
    content = path.read_bytes()
    sequences = [int.from_bytes(content[at + 8:at + 16], "little") for at in (0, 65536)]
    at = 65536 * sequences.index(max(sequences))
    overwrite(path, at + offset, bytes([content[at + offset] ^ 1]))
    return path, at


@pytest.mark.parametrize("offset", [5, 20])
def test_a_damaged_snapshot_record_is_named(start_node, offset):
    """The older one knows less than what is there."""
    node = start_node()
    node.kill()
    path, at = damage_newest_record(node, offset)
    code, log = node.fail_to_start()
    assert code == 1
    assert f"failed to open store: {path} is damaged at byte {at}: " in log


def test_a_damaged_snapshot_record_is_made_again(start_node):
    """While the WAL from which the snapshot came is still there."""
    node = start_node()
    node.client.must(TABLE, [INSERT, "a"])
    assert node.stop() == 0
    damage_newest_record(node, 20)
    node.start()
    assert node.client.column("SELECT key FROM written") == ["a"]


# A full disk.

ROW = "x" * 100_000


def write_until_refused(client, ledger, name, write=plain):
    """The reply that refused."""
    for n in range(2000):
        key = f"{name}/{n}/{ROW}"
        ledger.attempt(key)
        reply = (client.execute([[INSERT, key]]) if write is plain else
                 client.queue([[INSERT, key]], "wait", timeout="2s"))
        if reply.status != 200 or "error" in reply.text:
            return reply
        ledger.acknowledge(key)
    raise AssertionError("the disk is never full")


def test_a_full_disk_refuses_writes_reads_on_and_recovers(start_node, small_disk):
    node = start_node(directory=small_disk / "node")
    client = node.client
    client.must(TABLE)
    ballast = Ballast(small_disk)
    ledger = Ledger()
    for number in range(2):
        ballast.fill(leave=6 * MEBI)
        refused = write_until_refused(client, ledger, f"full {number}")
        assert refused.status == 200
        assert "disk is full" in refused.json["error"]
        # The log may still take it, which says so.
        ledger.attempt(f"small {number}")
        assert "disk is full" in client.execute([[INSERT, f"small {number}"]]).json["error"]
        for level in ("none", "weak"):
            reply = client.query(["SELECT count(*) FROM written"], level=level)
            assert reply.results[0]["values"][0][0] >= len(ledger.acknowledged)
        assert client.send("GET", "/status").status == 200
        snapshot = client.send("POST", "/snapshot")
        assert snapshot.status == 500 and "disk is full" in snapshot.text
        ballast.drop()
        ledger.attempt(f"after {number}")
        eventually(lambda n=number: plain(client, f"after {n}"))
        ledger.acknowledge(f"after {number}")
        ledger.check(client)
    assert integrity(client) == ["ok"]
    node.kill()
    node.start()
    ledger.check(node.client)
    assert integrity(node.client) == ["ok"]


def test_queued_writes_wait_for_room_on_the_disk(start_node, small_disk):
    node = start_node(directory=small_disk / "node")
    client = node.client
    client.must(TABLE)
    ballast = Ballast(small_disk)
    ballast.fill(leave=6 * MEBI)
    ledger = Ledger()
    refused = write_until_refused(client, ledger, "full", queued)
    assert refused.status == 408 or "disk is full" in refused.text
    number = client.queue([[INSERT, "patient"]]).number
    ledger.attempt("patient")
    ballast.drop()
    eventually(lambda: client.status("http.queue._default")["sequence_number"] >= number)
    ledger.acknowledge("patient")
    ledger.check(client)


@pytest.mark.parametrize("leave", [0, 6 * MEBI])
@pytest.mark.parametrize("stop", ["kill", "stop"])
def test_the_end_of_a_node_on_a_full_disk_loses_nothing(start_node, small_disk, leave, stop):
    node = start_node("-write-queue-drain-timeout", "1s", directory=small_disk / "node")
    node.client.must(TABLE)
    ballast = Ballast(small_disk)
    ballast.fill(leave)
    ledger = Ledger()
    write_until_refused(node.client, ledger, "full")
    getattr(node, stop)()
    ballast.drop()
    node.start()
    ledger.check(node.client)
    assert integrity(node.client) == ["ok"]
    assert plain(node.client, "after")
