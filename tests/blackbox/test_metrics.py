"""`GET /metrics`: figures for Prometheus."""

import json
import math
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from exposition import parse
from node import HOST, eventually, free_ports
from queues import BATCHES, HOLD, INSERT, busy, in_background, run_threads

FAILING = ["INSERT INTO ghosts VALUES(1)"]


def metrics(client):
    reply = client.send("GET", "/metrics")
    assert reply.status == 200
    return parse(reply.text)


def value(client, name, **labels):
    return metrics(client)[name].value(**labels)


@pytest.fixture
def client(start_queue):
    return start_queue().client


# The format.

def test_the_format_is_the_one_that_the_header_names(client):
    client.queue([[INSERT, "a"]], "wait")
    reply = client.send("GET", "/metrics")
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len(parse(reply.text)) > 20


def test_names_say_what_they_count(client):
    for family in metrics(client).values():
        assert family.name.startswith(("rqlite_", "process_"))
        assert family.help.endswith(".")
        # What ends so has a meaning of its own; and units are the base units.
        assert (family.type == "counter") == family.name.endswith("_total"), family.name
        assert not family.name.endswith(("_count", "_sum", "_bucket", "_ms", "_us", "_kib"))


def test_counters_only_ever_grow(start_queue):
    node = start_queue()
    stopping = []

    def write():
        client = node.new_client()
        while not stopping:
            client.queue([[INSERT, "a"]])
            client.queue(FAILING, "wait")

    def watch():
        client = node.new_client()
        before = {}
        for _ in range(50):
            now = {(sample.name, sample.labels): sample.value
                   for family in metrics(client).values() if family.type != "gauge"
                   for sample in family.samples}
            assert all(now[each] >= before[each] >= 0 for each in before)
            before = now
        stopping.append(True)

    run_threads(write, write, watch)


def check_histogram(family):
    bounds = [bound for bound, _ in family.buckets()]
    counts = [count for _, count in family.buckets()]
    assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf
    assert counts == sorted(counts)
    assert counts[-1] == family.part("_count")


def test_histograms_add_up(client):
    for n in range(100):
        client.queue([[INSERT, n]], *(["wait"] if n % 3 == 0 else []))
    client.queue("[]", "wait")
    now = metrics(client)
    histograms = [family for family in now.values() if family.type == "histogram"]
    assert {family.name for family in histograms} == {
        "rqlite_queue_batch_requests", "rqlite_queue_wait_seconds", "rqlite_queue_commit_seconds"}
    for family in histograms:
        check_histogram(family)
    batches = now["rqlite_queue_batches_total"].value()
    assert now["rqlite_queue_batch_requests"].part("_sum") == 101
    assert now["rqlite_queue_batch_requests"].part("_count") == batches
    assert now["rqlite_queue_commit_seconds"].part("_count") == batches
    assert now["rqlite_queue_wait_seconds"].part("_count") == 101
    assert 0 < now["rqlite_queue_commit_seconds"].part("_sum") < 60


def test_metrics_are_only_to_be_read(client):
    for method in ("POST", "PUT", "DELETE"):
        assert client.send(method, "/metrics").status == 405


def test_debian_has_a_program_that_finds_nothing_wrong(client):
    if not (promtool := shutil.which("promtool")):
        pytest.skip("Debian's package prometheus is not installed")
    client.queue(FAILING, "wait")
    text = client.send("GET", "/metrics").body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True,
                             timeout=60, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


# The figures.

def test_what_waits_is_shown(start_queue):
    client = start_queue("-write-queue-capacity", "77", *HOLD).client
    for _ in range(3):
        client.queue([[INSERT, "x" * 1000]])
    time.sleep(0.02)  # for the age
    now = metrics(client)
    assert now["rqlite_queue_depth"].value() == 3
    assert now["rqlite_queue_bytes"].value() == client.queue_report()["bytes"] > 3000
    assert now["rqlite_queue_capacity"].value() == 77
    assert 0.02 <= now["rqlite_queue_oldest_age_seconds"].value() < 60
    assert now["rqlite_queue_requests_total"].value() == 3
    client.queue("[]", "wait")
    now = metrics(client)
    for name in ("depth", "bytes", "in_flight", "oldest_age_seconds"):
        assert now[f"rqlite_queue_{name}"].value() == 0
    assert now["rqlite_queue_requests_total"].value() == 4


def test_what_is_on_its_way_is_shown(full):
    waiting, _ = in_background(lambda: full.new_client().queue([[INSERT, "in"]]))
    eventually(lambda: value(full.client, "rqlite_queue_waiting_for_room") == 1)
    assert value(full.client, "rqlite_queue_in_flight") == BATCHES
    assert value(full.client, "rqlite_queue_depth") == 4
    full.busy.join()
    waiting.join()
    full.client.queue("[]", "wait")
    now = metrics(full.client)
    for name in ("in_flight", "depth", "waiting_for_room"):
        assert now[f"rqlite_queue_{name}"].value() == 0


@pytest.mark.parametrize("reason, flags, bodies, wait", [
    ("size", ("-write-queue-timeout", "1h", "-write-queue-batch-size", "3"), 3, ()),
    ("time", ("-write-queue-timeout", "50ms"), 1, ()),
    ("waiter", HOLD, 1, ("wait",)),
])
def test_batches_are_counted_by_what_made_them_due(start_queue, reason, flags, bodies, wait):
    client = start_queue(*flags).client
    for n in range(bodies):
        client.queue([[INSERT, n]], *wait)
    eventually(lambda: value(client, "rqlite_queue_batches_total") == 1)
    flushes = metrics(client)["rqlite_queue_flushes_total"]
    assert {dict(each.labels)["reason"]: each.value for each in flushes.samples} == {
        **dict.fromkeys(("size", "time", "waiter", "drain"), 0), reason: 1}


def test_failed_and_replayed_requests_are_counted(client):
    for _ in range(3):
        client.queue(FAILING, "wait")
    client.keyed("key", [[INSERT, "a"]], "queue", "wait")
    for _ in range(2):
        client.keyed("key", [[INSERT, "a"]], "queue", "wait")
    now = metrics(client)
    assert now["rqlite_queue_failed_requests_total"].value() == 3
    assert now["rqlite_queue_failed_requests_total"].value() == (
        client.queue_report()["failed_requests"])
    assert now["rqlite_queue_replayed_requests_total"].value() == 2
    assert now["rqlite_queue_requests_total"].value() == 6


def test_refused_requests_are_counted_by_reason(start_stuck):
    stuck = start_stuck("-write-queue-max-bytes", "250000")
    stuck.fill_queue()
    before = metrics(stuck.client)
    for _ in range(2):
        assert stuck.client.queue([[INSERT, "x" * 50_000]], timeout="10ms").status == 503
    for _ in range(3):
        assert stuck.client.queue([[INSERT, "x" * 250_000]]).status == 413
    assert stuck.client.queue('[["INSERT').status == 400
    after = metrics(stuck.client)
    for reason, count in (("full", 2), ("too_large", 3), ("stopping", 0)):
        refused = [each["rqlite_queue_refused_requests_total"].value(reason=reason)
                   for each in (before, after)]
        assert refused[1] == refused[0] + count
    assert after["rqlite_queue_requests_total"].value() == len(stuck.numbers)
    stuck.release()
    assert value(stuck.client, "rqlite_queue_resends_total") > 0


def test_what_the_store_does_is_shown(client):
    before = metrics(client)
    for n in range(5):
        client.must([INSERT, n])
    now = metrics(client)
    assert now["rqlite_store_ready"].value() == now["rqlite_raft_leader"].value() == 1
    for name, key in (("last_log", "last_log_index"), ("commit", "commit_index"),
                      ("applied", "applied_index")):
        index = now[f"rqlite_raft_{name}_index"].value()
        assert index == before[f"rqlite_raft_{name}_index"].value() + 5
        assert index == client.status(f"store.raft.{key}")
    assert client.send("POST", "/snapshot").status == 200
    after = metrics(client)
    assert (after["rqlite_snapshots_total"].value() ==
            now["rqlite_snapshots_total"].value() + 1)
    assert after["rqlite_snapshot_index"].value() == index


def test_what_a_commit_takes_is_measured(start_queue):
    node = start_queue()
    with busy(node):
        began = time.monotonic()
        node.client.queue([[INSERT, "a"]], "wait")
        took = time.monotonic() - began
    commit = metrics(node.client)["rqlite_queue_commit_seconds"]
    assert commit.part("_count") == 1
    assert 0 < commit.part("_sum") <= took


def test_the_process_describes_itself(start_queue):
    node = start_queue()
    now = metrics(node.client)
    assert now["rqlite_build_info"].samples[0].value == 1
    assert {name for name, _ in now["rqlite_build_info"].samples[0].labels} == {
        "version", "commit"}
    assert abs(now["process_start_time_seconds"].value() - time.time()) < 60
    resident = now["process_resident_memory_bytes"].value()
    assert resident == pytest.approx(node.resident_bytes(), rel=0.5)
    assert now["process_threads"].value() == pytest.approx(
        node.client.status("runtime.num_goroutine"), abs=1)
    assert 0 < now["process_cpu_seconds_total"].value() < 60


def test_a_restart_begins_at_zero(start_queue):
    node = start_queue()
    node.client.queue(FAILING, "wait")
    node.restart()
    now = metrics(node.client)
    for name in ("requests", "batches", "failed_requests"):
        assert now[f"rqlite_queue_{name}_total"].value() == 0


# The real thing.

@pytest.fixture
def prometheus(home, node):
    """Asks Prometheus about the node: the values of an expression, by their labels' text."""
    if not (program := shutil.which("prometheus")):
        pytest.skip("Debian's package prometheus is not installed")
    [port] = free_ports(1)
    (home / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"},
        "scrape_configs": [{"job_name": "rqlite",
                            "static_configs": [{"targets": [node.address]}]}]}))

    def ask(expression):
        url = f"http://{HOST}:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return []  # it has not come up yet
        return [float(each["value"][1]) for each in result]

    with open(home / "prometheus.log", "wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={home / 'prometheus.yml'}",
             f"--storage.tsdb.path={home / 'prometheus'}",
             f"--web.listen-address={HOST}:{port}"], stdout=log, stderr=log)
    yield ask
    process.kill()
    process.wait()
    print((home / "prometheus.log").read_text())  # shown if the test failed


def test_prometheus_understands_it(node, prometheus):
    node.client.must("CREATE TABLE log(id INTEGER PRIMARY KEY, line)")
    eventually(lambda: prometheus('up{job="rqlite"}') == [1], within=60, every=0.1)
    for n in range(7):
        node.client.queue([[INSERT, n]], "wait")
    eventually(lambda: prometheus("rqlite_queue_requests_total") == [7], every=0.1)
    assert prometheus('rqlite_queue_flushes_total{reason="waiter"}') == [7]
    assert prometheus("sum(rqlite_queue_flushes_total)") == [7]
    assert prometheus("rqlite_queue_batch_requests_sum / rqlite_queue_batch_requests_count") == [1]
    [median] = prometheus("histogram_quantile(0.5, rqlite_queue_commit_seconds_bucket)")
    assert 0 < median < 10
    assert prometheus("rqlite_raft_leader") == [1]
