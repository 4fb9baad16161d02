"""-auto-vacuum-int and -auto-optimize-int: what a node does to its database by itself."""

import datetime
import time

import pytest

from disk import MEBI, Ballast
from exposition import parse
from node import eventually


def count(client, what, task):
    metrics = parse(client.send("GET", "/metrics").text)
    return metrics[f"rqlite_maintenance_{what}_total"].value(task=task)


def await_runs(node, task, runs=1):
    eventually(lambda: count(node.client, "runs", task) >= runs)


def seconds_until(text):
    at = datetime.datetime.fromisoformat(text[:26] + "+00:00")
    return (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def write_times(node, **hours_ago):
    """What an earlier run would have noted."""
    now = time.time()
    (node.data / "maintenance").write_text("".join(
        f"{task} {round((now - hours * 3600) * 1000)} -\n" for task, hours in hours_ago.items()))


def fill(client, rows, size=1000):
    client.must("CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)", "CREATE INDEX by_a ON t(a)",
                ["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?) "
                 "INSERT INTO t(a, b) SELECT i % 10, randomblob(?) FROM n", rows, size])


def file_bytes(node):
    assert node.client.send("POST", "/snapshot").status in (200, 204)
    return (node.data / "db.sqlite").stat().st_size


def test_by_default_it_optimizes_once_a_day_and_vacuums_never(node):
    store = node.client.status("store")
    assert "auto_vacuum" not in store
    assert list(store["auto_optimize"]) == ["next_optimize_after"]
    assert 86_000 < seconds_until(store["auto_optimize"]["next_optimize_after"]) <= 86_400
    assert count(node.client, "runs", "optimize") == count(node.client, "runs", "vacuum") == 0
    assert count(node.client, "failures", "optimize") == 0


def test_it_can_be_switched_off(start_node):
    node = start_node("-auto-optimize-int", "0")
    assert not {"auto_vacuum", "auto_optimize"} & set(node.client.status("store"))
    assert not (node.data / "maintenance").exists()


def test_vacuum_gives_room_back_through_the_log(start_node):
    node = start_node("-auto-vacuum-int", "1s", "-auto-optimize-int", "0")
    client = node.client
    fill(client, 2000)
    client.must("DELETE FROM t WHERE id > 100")
    before = client.status("store.raft.applied_index")
    await_runs(node, "vacuum", count(client, "runs", "vacuum") + 1)
    assert file_bytes(node) < 400_000
    assert client.status("store.raft.applied_index") > before
    assert client.value("SELECT count(*) FROM t") == 100
    assert client.value("PRAGMA integrity_check") == "ok"
    status = client.status("store.auto_vacuum")
    assert sorted(status) == ["last_vacuum", "next_vacuum_after"]
    assert -60 < seconds_until(status["last_vacuum"]) < 0
    assert seconds_until(status["next_vacuum_after"]) < 1.1
    assert "auto-vacuum took" in node.log()
    counts = client.send("GET", "/debug/vars?key=store").json["store"]
    assert counts["num_auto_vacuums"] >= 1
    assert counts["num_auto_vacuums_failed"] == counts["num_auto_optimizes"] == 0
    assert {"auto_vacuum_duration", "auto_optimize_duration"} <= set(counts)


def test_what_was_vacuumed_survives_a_crash(start_node):
    node = start_node("-auto-vacuum-int", "1s", "-raft-snap", "1000000", "-raft-snap-wal-size", "0")
    fill(node.client, 500)
    for _ in range(3):
        node.client.must("DELETE FROM t WHERE id % 3 = 0", ["INSERT INTO t(a) VALUES(?)", 77])
        await_runs(node, "vacuum", count(node.client, "runs", "vacuum") + 1)
        rows = node.client.rows("SELECT id, a, length(b) FROM t ORDER BY id")
        node.kill()
        node.start()
        assert node.client.rows("SELECT id, a, length(b) FROM t ORDER BY id") == rows


def test_optimize_analyses_what_needs_it_and_then_leaves_the_log_alone(start_node):
    node = start_node("-auto-optimize-int", "1s")
    client = node.client
    fill(client, 2000, size=10)
    client.must("CREATE TABLE u(a)", "CREATE INDEX u_by_a ON u(a)", "INSERT INTO u SELECT a FROM t")
    await_runs(node, "optimize")
    eventually(lambda: client.value("SELECT count(*) FROM sqlite_schema "
                                    "WHERE name = 'sqlite_stat1'") == 1)
    eventually(lambda: client.rows("SELECT tbl, idx FROM sqlite_stat1 ORDER BY tbl") ==
               [["t", "by_a"], ["u", "u_by_a"]])
    # A setting of its own request, not of later ones.
    assert client.execute(["CREATE TABLE copy AS SELECT * FROM pragma_analysis_limit"]).status == 200
    assert client.value("SELECT analysis_limit FROM copy") == 0
    client.must("DROP TABLE copy")
    applied = client.status("store.raft.applied_index")
    await_runs(node, "optimize", count(client, "runs", "optimize") + 2)
    assert client.status("store.raft.applied_index") == applied
    assert count(client, "failures", "optimize") == 0


# The interval.

def test_a_restart_goes_on_counting(start_node):
    node = start_node("-auto-vacuum-int", "10h")
    first = node.client.status("store.auto_vacuum.next_vacuum_after")
    assert 35_900 < seconds_until(first) <= 36_000
    node.restart()
    assert abs(seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after")) -
               seconds_until(first)) < 1
    node.stop()
    write_times(node, vacuum=4)
    node.start()
    wait = seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after"))
    assert 21_500 < wait <= 21_600


def test_what_is_overdue_is_done_once_after_the_start(start_node):
    node = start_node("-auto-vacuum-int", "1h", "-auto-optimize-int", "1h")
    node.stop()
    write_times(node, vacuum=5, optimize=0.5)
    node.start()
    await_runs(node, "vacuum")
    assert 3500 < seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after")) <= 3600
    node.restart()
    assert 3500 < seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after")) <= 3600
    assert "last_vacuum" in node.client.status("store.auto_vacuum")
    assert count(node.client, "runs", "vacuum") == count(node.client, "runs", "optimize") == 0


def test_a_time_in_the_future_counts_as_now(start_node):
    node = start_node("-auto-vacuum-int", "1h")
    node.stop()
    write_times(node, vacuum=-1000)
    node.start()
    assert 3500 < seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after")) <= 3600


def test_a_damaged_file_is_no_reason_not_to_start(start_node):
    node = start_node("-auto-vacuum-int", "1h")
    node.stop()
    (node.data / "maintenance").write_bytes(b"\xff\x00 rubbish")
    node.start()
    assert "maintenance begins to count anew" in node.log()
    assert 3500 < seconds_until(node.client.status("store.auto_vacuum.next_vacuum_after")) <= 3600


def test_what_is_switched_off_is_forgotten(start_node):
    node = start_node("-auto-vacuum-int", "1h")
    assert "vacuum" in (node.data / "maintenance").read_text()
    node.stop()
    node.flags = ()
    node.start()
    assert "vacuum" not in (node.data / "maintenance").read_text()


@pytest.mark.parametrize("flag", ["-auto-vacuum-int", "-auto-optimize-int"])
def test_an_interval_is_not_negative(make_node, flag):
    node = make_node(flag, "-1s")
    code, log = node.fail_to_start()
    assert (code, log) == (1, f"fatal: {flag} must not be negative\n")


# Trouble.

def test_without_room_it_is_not_begun(start_node, small_disk):
    node = start_node("-auto-vacuum-int", "1s", "-auto-optimize-int", "0",
                      directory=small_disk / "node")
    fill(node.client, 4000)
    Ballast(small_disk).fill(leave=6 * MEBI)
    eventually(lambda: count(node.client, "failures", "vacuum") > 0)
    assert "auto-vacuum failed: it takes " in node.log()
    node.client.must("INSERT INTO t(a) VALUES(1)")
    assert node.client.send("GET", "/readyz").status == 200


def test_writes_and_reads_go_on_around_it(start_node):
    node = start_node("-auto-vacuum-int", "1ms", "-auto-optimize-int", "1ms")
    client = node.client
    fill(client, 300)
    for n in range(200):
        assert client.queue([["UPDATE t SET a = ? WHERE id = 1", n]], "wait").status == 200
        assert client.value("SELECT a FROM t WHERE id = 1") == n
    assert count(client, "failures", "vacuum") == count(client, "failures", "optimize") == 0
    assert count(client, "runs", "vacuum") > 10
    assert node.stop() == 0
