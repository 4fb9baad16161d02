"""/debug/vars: its form, and that everything counts what it says."""

import json
import re
from urllib.parse import quote

import pytest

from node import eventually

HTTP = """auth_fail auth_ok backups boot execute_stmts_rx executions leader_not_found loads
num_readyz num_status queries query_stmts_rx queued_executions queued_executions_failed
queued_executions_leadership_lost queued_executions_no_leader queued_executions_not_leader
queued_executions_num_stmts_rx queued_executions_num_stmts_tx queued_executions_ok
queued_executions_unknown_error queued_executions_wait queued_executions_wait_timeout
request_stmts_rx requests sql_analyze tls_cert_fetched ui user_reaps user_snapshots""".split()
# All that there is, whether this server does it or not.
NAMES = {
    "cdc.service": """batcher_events_write batcher_reads batcher_write_ignored batcher_writes
    dropped_failed_to_send fifo_enqueue_ignored fifo_size hwm_ignored num_bytes_tx
    num_events_tx_failed num_events_tx_ok retries snapshot_sync""",
    "cluster": """num_backup_req num_broadcast_hwm_req num_client_execute_retries
    num_client_force_new_conn num_client_load_retries num_client_query_retries
    num_client_read_timeouts num_client_request_retries num_client_retries
    num_client_write_timeouts num_conn_rejected num_execute_req num_get_node_api_req
    num_get_node_api_req_local num_get_node_api_req_retries num_get_node_api_resp
    num_hwm_update_dropped num_join_req num_load_req num_notify_req num_query_req
    num_remove_node_req num_request_req num_stepdown_req""",
    "db": """backup_sleeps backup_step_dones backup_step_errors checkpoint_busy_errors
    checkpoint_duration_ms checkpoint_errors checkpoint_invariant_errors
    checkpoint_partial checkpoint_total checkpoint_wal_truncated checkpointed_moves
    checkpoints commit_hooks compacted_wal_size create_compacted_wal_duration_ms
    dropped_cdc_events execute_transactions execution_errors executions
    executions_force_queries open_duration_ms precompact_wal_size preupdates
    preupdates_callback_errors preupdates_errors queries query_errors query_transactions
    request_transactions requests update_hooks update_hooks_callback_errors
    update_hooks_errors""",
    "db.wal": """compact_frames_input compact_frames_output compact_frames_ratio
    compact_scan_duration_ms compact_scan_errors compact_write_duration_ms""",
    "downloader": """download_bytes num_downloads_fail num_downloads_ok""",
    "memstats": """Alloc Frees HeapAlloc HeapIdle HeapInuse HeapObjects HeapReleased HeapSys LastGC
    Mallocs NextGC NumGC PauseTotalNs StackInuse StackSys Sys TotalAlloc""",
    "mux": """num_connections_handled num_tls_cert_fetched num_unregistered_handlers""",
    "proto": """num_compressed_bytes num_compressed_requests num_compression_misses
    num_precompressed_bytes num_requests num_uncompressed_bytes num_uncompressed_requests""",
    "proxy": """remote_backups remote_executions remote_executions_failed remote_loads remote_queries
    remote_queries_failed remote_remove_node remote_requests remote_requests_failed
    remote_stepdowns""",
    "queue": """num_flush num_timeout objects_rx objects_tx""",
    "snapshot": """auto_reap_duration_ms persist_duration_ms persist_size read_timeout_total reap_errors
    reap_execute_duration_ms reap_plan_recovered reap_snapshots reap_total reap_wals
    sink_errors sink_full_crc32_duration_ms sink_full_total sink_incremental_total
    upgrade_fail upgrade_ok""",
    "snapshot.plan": """calc_crc32_duration_ms checkpoint_duration_ms""",
    "sql.processor": """num_parser_panics num_rewritten_stmts""",
    "store": """auto_optimize_duration auto_vacuum_duration failed_heartbeat_observed
    fsm_apply_duration_us leader_changes_dropped leader_changes_observed
    nodes_reaped_failed nodes_reaped_ok num_auto_optimizes num_auto_optimizes_failed
    num_auto_restores num_auto_restores_failed num_auto_restores_skipped num_auto_vacuums
    num_auto_vacuums_failed num_backups num_boots num_compressed_commands
    num_db_stats_errors num_ignored_joins num_joins num_loads num_provider_checks
    num_provider_provides num_provider_provides_fail num_recoveries
    num_removed_before_joins num_restores num_restores_failed num_restores_start
    num_restores_start_skipped num_snapshot_persists num_snapshot_persists_failed
    num_snapshots num_snapshots_failed num_snapshots_full num_snapshots_incremental
    num_uncompressed_commands num_user_snapshots num_user_snapshots_failed
    num_verify_leader num_verify_leader_failed num_wal_snapshots num_wal_snapshots_failed
    snapshot_crc32_create_duration snapshot_create_duration snapshot_persist_duration
    snapshot_sync_duration verify_leader_duration""",
    "uploader": """last_upload_bytes num_sum_get_fail num_uploads_fail num_uploads_ok num_uploads_skipped
    num_uploads_skipped_id total_upload_bytes""",
}
MAPS = """cdc.service cluster cmdline db db.wal downloader http memstats mux proto proxy queue
snapshot snapshot.plan sql.processor store uploader""".split()


@pytest.fixture
def node(shared):
    return shared


def variables(client, key=""):
    return client.send("GET", f"/debug/vars?key={key}").json


def counts(client, name="http"):
    return variables(client, name)[name]


def grown(client, work, name="http"):
    """What work() adds to the counters; those of asking for them are left out."""
    before = counts(client, name)
    work()
    after = counts(client, name)
    grew = {key: after[key] - before[key] for key in after if after[key] != before[key]}
    if name == "http":
        grew["auth_ok"] -= 1
    return {key: by for key, by in grew.items() if by}


def test_all_is_there_from_the_start_in_the_documented_form(start_node):
    client = start_node().client
    reply = client.send("GET", "/debug/vars")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.text.startswith('{\n"cdc.service": {"batcher_events_write": 0, "batcher_reads": 0, ')
    assert reply.text.endswith(', "total_upload_bytes": 0}\n}\n')
    assert re.findall(r'^"([^"]+)": ', reply.text, re.M) == MAPS == sorted(MAPS)
    line = re.search(r'^"http": (.+),$', reply.text, re.M)[1]
    assert re.fullmatch(r'\{"auth_fail": 0(, "[a-z_]+": \d+)+\}', line)
    assert list(json.loads(line)) == HTTP
    for name, keys in NAMES.items():
        assert list(reply.json[name]) == keys.split(), name
    http = reply.json["http"]
    # What the node was asked until it was ready, and this.
    assert {key for key, count in http.items() if count} <= {"auth_ok", "num_readyz"}
    assert http["auth_ok"] == http["num_readyz"] + 1


def test_one_of_them_can_be_asked_for(client):
    assert client.send("GET", "/debug/vars?key=downloader").text == (
        '{\n"downloader": {"download_bytes": 0, "num_downloads_fail": 0, "num_downloads_ok": 0}\n}\n')
    assert list(variables(client, "queue")) == ["queue"]
    for key in ("nothing", "http.auth_ok", "HTTP"):
        assert client.send("GET", "/debug/vars?key=" + key).text == "{\n\n}\n"


def test_any_method_will_do(client):
    for method in ("GET", "POST", "DELETE", "BREW"):
        assert list(client.send(method, "/debug/vars?key=db").json) == ["db"]
    head = client.send("HEAD", "/debug/vars")
    assert (head.status, head.body) == (200, b"")


def test_the_process_describes_itself(node):
    shown = variables(node.client)
    assert shown["cmdline"][1:3] == ["-http-addr", node.address]
    memory = shown["memstats"]
    assert memory["Sys"] > 1_000_000
    assert 0 < memory["HeapAlloc"] == memory["Alloc"] == memory["HeapInuse"] <= memory["HeapSys"]


def test_profiles_are_not_made_here(client):
    for path in ("/debug/pprof", "/debug/pprof/heap"):
        assert client.send("GET", path).status == 404


ROUTED = [
    ("GET", "/status", None, {"num_status": 1}),
    ("GET", "/readyz?noleader", None, {"num_readyz": 1}),
    ("GET", "/db/query?q=SELECT%201", None, {"queries": 1, "query_stmts_rx": 1}),
    ("GET", "/db/query", None, {"queries": 1, "query_stmts_rx": 1}),
    ("POST", "/db/query", ["SELECT 1", "", "SLECT"], {"queries": 1, "query_stmts_rx": 3}),
    ("POST", "/db/query", "[", {"queries": 1}),
    ("POST", "/db/execute", ["SELECT 1", "nonsense"], {"executions": 1, "execute_stmts_rx": 2}),
    ("POST", "/db/request", ["SELECT 1"], {"requests": 1, "request_stmts_rx": 1}),
    ("GET", "/db/backup", None, {"backups": 1}),
    ("POST", "/db/load", "SELECT 1", {"loads": 1}),
    ("POST", "/boot", "x", {"boot": 1}),
    ("GET", "/db/sql?q=SELECT%201", None, {"sql_analyze": 1}),
    ("POST", "/snapshot", None, {"user_snapshots": 1}),
    ("POST", "/reap", None, {"user_reaps": 1}),
    ("GET", "/console/", None, {"ui": 1}),
    ("GET", "/console/nothing", None, {"ui": 1}),
    ("GET", "/nodes", None, {}),
    ("GET", "/leader", None, {}),
    ("DELETE", "/remove", "{}", {}),
    ("GET", "/metrics", None, {}),
    ("GET", "/db/queue", None, {}),
    ("GET", "/licenses", None, {}),
]


@pytest.mark.parametrize("method, path, body, counted", ROUTED)
def test_each_route_counts(client, method, path, body, counted):
    assert grown(client, lambda: client.send(method, path, body)) == {"auth_ok": 1, **counted}


def test_a_wrong_method_counts_too_and_what_is_not_routed_does_not(client):
    assert grown(client, lambda: client.send("PUT", "/db/query")) == {"auth_ok": 1, "queries": 1}
    for method, path in (("GET", "/nowhere"), ("OPTIONS", "/db/query"), ("GET", "/"),
                         ("GET", "/db/query?timeout=x"), ("GET", "/console")):
        assert grown(client, lambda: client.send(method, path)) == {}


def test_what_is_refused_before_its_body_counts_once(node):
    def send():
        with node.connect() as connection:
            connection.sendall(b"PUT /db/query HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 405")

    assert grown(node.client, send) == {"auth_ok": 1, "queries": 1}


def test_what_is_admitted_before_its_body_counts_once(node):
    def send():
        with node.connect() as connection:
            connection.sendall(b"POST /db/query HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n"
                               b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 100")
            connection.sendall(b'["SELECT 1"]')
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")

    assert grown(node.client, send) == {"auth_ok": 1, "queries": 1, "query_stmts_rx": 1}


def test_queued_writes_count(start_queue):
    client = start_queue().client
    body = [["INSERT INTO log(line) VALUES(?)", "a"]] * 3

    def send():
        assert client.queue(body).status == 200
        assert client.queue(body, "wait").status == 200
        assert client.queue([], "wait").status == 200
        assert client.queue("[").status == 400

    http = grown(client, send)
    batches = http.pop("queued_executions_ok")
    assert 1 <= batches <= 3
    assert http == {"auth_ok": 4, "executions": 4, "queued_executions": 4,
                    "queued_executions_wait": 2, "queued_executions_num_stmts_rx": 6,
                    "queued_executions_num_stmts_tx": 6}
    assert counts(client, "queue") == {"num_flush": 0, "num_timeout": 0, "objects_rx": 6,
                                       "objects_tx": 6}


def test_a_batch_whose_time_was_up_counts(start_queue):
    client = start_queue("-write-queue-timeout", "1ms").client
    number = client.queue(["INSERT INTO log(line) VALUES('a')"]).number
    eventually(lambda: client.state(number) == "applied")
    assert counts(client, "queue") == {"num_flush": 0, "num_timeout": 1, "objects_rx": 1,
                                       "objects_tx": 1}


def test_whoever_waited_too_long_counts(full):
    client = full.client
    insert = ["INSERT INTO log(line) VALUES('late')"]
    before = counts(client)
    # What waits for room has no number yet, and counts when it gets one.
    assert client.queue(insert, "wait", timeout="1ms").status == 503
    assert counts(client)["queued_executions_wait"] == before["queued_executions_wait"]


def test_a_verdict_that_came_too_late_counts(start_queue):
    node = start_queue()
    slow = ["WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000000) "
            "INSERT INTO log(line) SELECT max(x) FROM c"]
    grew = grown(node.client, lambda: node.new_client().queue(slow, "wait", timeout="1ms"))
    assert grew["queued_executions_wait"] == grew["queued_executions_wait_timeout"] == 1


def test_the_store_counts(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(n)")

    def grew(method, path, body=None):
        return {key: by for key, by in grown(client, lambda: client.send(method, path, body),
                                             "store").items() if "_duration" not in key}

    taken = {"num_snapshots": 1, "num_snapshots_incremental": 1, "num_snapshot_persists": 1}
    assert grew("POST", "/snapshot") == {"num_user_snapshots": 1, **taken}
    # Nothing is new.
    assert grew("POST", "/snapshot") == {}
    assert grew("GET", "/db/backup") == {"num_backups": 1}
    assert grew("GET", "/db/backup?fmt=sql") == {"num_backups": 1}
    client.must("INSERT INTO t VALUES(1)")
    assert grew("GET", "/db/backup") == {"num_backups": 1, **taken}
    content = client.send("GET", "/db/backup").body
    replaced = {"num_snapshots_full": 1, "num_uncompressed_commands": 1}
    assert grew("POST", "/db/load", content) == {"num_loads": 1, **replaced}
    assert grew("POST", "/boot", content) == {"num_boots": 1, **replaced}
    assert grew("POST", "/db/load", "INSERT INTO t VALUES(2)") == {"num_uncompressed_commands": 1}
    for path in ("/db/load", "/boot"):
        assert grew("POST", path, content[:-1]) == {}
    assert counts(client, "store")["leader_changes_observed"] == 1


def test_snapshots_count(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(n)")
    client.send("POST", "/snapshot")
    snapshot, database = counts(client, "snapshot"), counts(client, "db")
    assert snapshot["sink_incremental_total"] == 1
    assert snapshot["persist_size"] > 4096
    assert database["checkpoints"] == database["checkpoint_total"] == 1
    assert database["checkpoint_partial"] == database["checkpoint_errors"] == 0
    # The table's page, and that of the schema.
    assert database["checkpointed_moves"] >= 2
    client.must("INSERT INTO t VALUES(1)")
    assert grown(client, lambda: client.send("POST", "/snapshot"), "db")["checkpointed_moves"] == 1


def test_what_takes_time_says_how_long_it_took(start_node):
    """Of the last time; 0 if there was none yet."""
    client = start_node().client
    assert counts(client, "db")["open_duration_ms"] > 0
    before = counts(client, "store")
    assert before["verify_leader_duration"] == before["snapshot_sync_duration"] == 0
    client.must("CREATE TABLE t(n)")
    client.query(["SELECT n FROM t"], level="linearizable")
    assert counts(client, "store")["verify_leader_duration"] > 0
    client.send("POST", "/snapshot")
    after = counts(client, "store")
    assert after["snapshot_persist_duration"] >= after["snapshot_sync_duration"] > 0
    # No machine does that in a millisecond. It is noted after the client has been told.
    client.must("INSERT INTO t SELECT max(i) FROM (WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL "
                "SELECT i + 1 FROM c LIMIT 1000000) SELECT i FROM c)")
    eventually(lambda: counts(client, "store")["fsm_apply_duration_us"] > 1000)


def test_commands_for_the_log_count_and_none_is_compressed(client):
    client.must("CREATE TABLE IF NOT EXISTS blobs(v)")
    insert = ["INSERT INTO blobs VALUES(?)", "x" * 100_000]

    def grew(name):
        return grown(client, lambda: client.must(insert), name)

    proto = grew("proto")
    assert 100_000 < proto.pop("num_uncompressed_bytes") < 101_000
    assert proto == {"num_requests": 1, "num_uncompressed_requests": 1}
    assert grew("store")["num_uncompressed_commands"] == 1


def test_a_snapshot_because_of_the_wal_counts(start_node):
    client = start_node("-raft-snap-wal-size", "100000", "-raft-snap-int", "100ms").client
    client.must("CREATE TABLE t(v)", ["INSERT INTO t VALUES(?)", "x" * 200_000])
    eventually(lambda: counts(client, "store")["num_wal_snapshots"] == 1)


def test_one_that_a_reader_is_in_the_way_of_counts_too(start_node):
    node = start_node("-raft-snap-wal-size", "100000", "-raft-snap-int", "100ms")
    node.client.must("CREATE TABLE t(v)", "INSERT INTO t VALUES('old')")
    endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT v FROM c CROSS JOIN t"
    with node.connect() as reader:
        reader.sendall(f"GET /db/query?q={quote(endless)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert reader.recv(100).startswith(b"HTTP/1.1 200 OK")  # and no more
        node.client.must(["INSERT INTO t VALUES(?)", "x" * 200_000])
        eventually(lambda: counts(node.client, "store")["num_wal_snapshots_failed"] > 0)
        assert counts(node.client, "store")["num_wal_snapshots"] == 0
        assert counts(node.client, "db")["checkpoint_partial"] > 0
    eventually(lambda: counts(node.client, "store")["num_wal_snapshots"] == 1)


RAN = [
    ("/db/execute", ["CREATE TABLE u(n)", "INSERT INTO u VALUES(1)"], {"executions": 2}),
    ("/db/execute", ["INSERT INTO t VALUES(1)", "nonsense"],
     {"executions": 2, "execution_errors": 1}),
    ("/db/execute", ["INSERT INTO t VALUES(1) RETURNING n"],
     {"executions": 1, "executions_force_queries": 1}),
    ("/db/execute?transaction", ["INSERT INTO t VALUES(1)"],
     {"executions": 1, "execute_transactions": 1}),
    ("/db/execute?queue&wait", ["INSERT INTO t VALUES(1)"], {"executions": 1}),
    ("/db/query", ["SELECT 1", "SELECT n FROM t"], {"queries": 2}),
    ("/db/query?level=strong", ["SELECT 1", "nonsense"], {"queries": 2, "query_errors": 1}),
    ("/db/query?transaction", ["SELECT 1"], {"queries": 1, "query_transactions": 1}),
    ("/db/request", ["SELECT 1"], {"requests": 1}),
    ("/db/request", ["SELECT 1", "INSERT INTO t VALUES(1)"], {"requests": 2}),
    ("/db/request?transaction", ["SELECT 1", "INSERT INTO t VALUES(1)"],
     {"requests": 2, "request_transactions": 1}),
]


@pytest.mark.parametrize("path, body, counted", RAN)
def test_what_ran_on_the_database_counts(client, path, body, counted):
    client.must("CREATE TABLE IF NOT EXISTS t(n)")
    assert grown(client, lambda: client.send("POST", path, body), "db") == counted


def test_what_is_repeated_with_its_key_does_not_run_again(client):
    client.must("CREATE TABLE IF NOT EXISTS t(n)")

    def send():
        client.send("POST", "/db/execute", ["INSERT INTO t VALUES(1)"], {"Idempotency-Key": "k"})

    assert grown(client, send, "db") == {"executions": 1}
    assert grown(client, send, "db") == {}
