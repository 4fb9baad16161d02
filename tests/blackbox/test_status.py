"""/readyz and /status."""

import re

import pytest

from node import eventually

TEXT = "text/plain; charset=utf-8"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z"  # RFC 3339


# Readiness.

def test_readyz_says_what_is_well(client):
    reply = client.send("GET", "/readyz")
    assert (reply.status, reply.text) == (200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert client.send("GET", "/readyz?noleader").text == "[+]node ok"
    assert client.send("GET", "/readyz?sync&timeout=5s").text == (
        "[+]node ok\n[+]leader ok\n[+]store ok\n[+]sync ok\n[+]db ok")


@pytest.mark.parametrize("query, status, text", [
    ("?noleader&timeout=1ns", 200, "[+]node ok"),
    ("?timeout=1ns", 503, "[+]node ok\n[+]leader ok\n[+]store ok\n"
                          "[+]db not ok: (context deadline exceeded, [])"),
    ("?timeout=0", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
    ("?timeout=-1s", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
    ("?retries=2", 200, "[+]node ok\n[+]leader ok\n[+]store ok\n[+]db ok"),
])
def test_readiness_within_a_time(client, query, status, text):
    reply = client.send("GET", "/readyz" + query)
    assert (reply.status, reply.text, reply.headers["Content-Type"]) == (status, text, TEXT)


# Status.

def test_status_has_the_keys_that_tools_look_for(node):
    reply = node.client.send("GET", "/status")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    status = reply.json
    assert {"build", "http", "node", "os", "runtime", "store"} <= set(status)
    assert status["os"]["pid"] == node.process.pid
    assert status["http"]["bind_addr"] == node.address
    assert status["http"]["auth"] == "disabled"
    assert status["http"]["queue"]["_default"]["sequence_number"] == 0
    assert "allow_origin" not in status["http"] and status["http"]["tls"] == {"enabled": "false"}
    assert {"batch_size", "max_size", "sequence_number", "timeout", "depth", "bytes", "in_flight",
            "applied", "failed_requests"} <= set(status["http"]["queue"]["_default"])
    store = status["store"]
    assert store["node_id"] == node.raft_address
    assert store["leader"] == {"addr": node.raft_address, "node_id": node.raft_address}
    assert store["nodes"] == [{"addr": node.raft_address, "id": node.raft_address,
                               "suffrage": "voter"}]
    assert store["dir"] == str(node.data)
    assert store["ready"] and store["open"] not in (False, None)
    assert store["raft"]["state"] == "Leader"
    assert store["raft"]["applied_index"] <= store["raft"]["commit_index"]
    assert store["sqlite3"]["version"].startswith("3.")


def test_status_sorts_its_keys(client):
    def check(value):
        if isinstance(value, dict):
            assert list(value) == sorted(value)
            for each in value.values():
                check(each)

    whole = client.status()
    # Records have an order of their own; selected by a key, they have not.
    check(client.status("network"))
    check(client.status("store.sqlite3.conn_pool_stats"))
    del whole["network"]["interfaces"], whole["store"]["sqlite3"]["conn_pool_stats"]
    check(whole)


def test_status_selects_by_key(client):
    assert client.status("store.raft.state") == "Leader"
    assert client.status("store.raft.state.more") == "Leader"
    assert set(client.status("store.leader")) == {"addr", "node_id"}
    assert client.status("store.nodes.0.id") == client.status("store.nodes")
    assert client.status("store.open.not") is True
    assert client.status("STORE") == client.status("store.") == client.status(".store") == {}
    assert client.status("nothing.here") == {}
    assert client.status("store.nothing") == {}
    assert set(client.status("")) >= {"store", "http"}


def test_status_is_pretty_on_request(client):
    assert client.send("GET", "/status?pretty").text.startswith('{\n    "build": {\n')


def test_status_has_every_key_that_holds_here(start_node):
    node = start_node()
    status = node.client.status()
    assert set(status["build"]) == {"build_time", "commit", "compiler_command",
                                    "compiler_toolchain", "version"}
    assert set(status["os"]) == {"executable", "hostname", "page_size", "pid", "ppid"}
    assert set(status["runtime"]) == {"GOARCH", "GOMAXPROCS", "GOOS", "kubernetes_hint", "num_cpu",
                                      "num_goroutine", "version"}
    assert status["cluster"] == {"addr": node.raft_address, "api_addr": node.address,
                                 "https": "false"}
    assert status["network"]["interfaces"]["lo"]["addresses"][0] == {"address": "127.0.0.1/8"}
    store = status["store"]
    assert store["dir_size"] >= store["raft"]["log_size"] > 0
    assert re.fullmatch(r"(\d\.\d|\d\d+) [kMG]B", store["dir_size_friendly"])
    assert re.fullmatch(r"(\d\.\d|\d\d+) [kMG]B", store["raft"]["log_size_friendly"])
    assert store["fsm_index"] <= store["raft"]["applied_index"]
    assert re.fullmatch(TIME, store["fsm_update_time"])
    for name in ("start_time", "current_time"):
        assert re.fullmatch(TIME, status["node"][name])
    assert re.fullmatch(r"[\d.]+m?s", status["node"]["uptime"])
    assert store["fsm_term"] == store["raft"]["term"]
    assert store["raft"]["last_contact"] == 0
    assert store["raft"]["num_peers"] == 0 and store["raft"]["voter"] is True
    assert store["raft"]["latest_configuration"] == (
        f"[{{Suffrage:Voter ID:{node.raft_address} Address:{node.raft_address}}}]")
    assert store["trailing_logs"] == 0
    assert store["cdc"] == {"enabled": False, "registered": False}
    assert len(store["snapshot_store"]["snapshots"]) == 1
    assert "last_backup_time" not in status


# What a name stands for is true, or the name is not there: docs/compatibility.md.
KEYS = {
    "http": "auth bind_addr cluster queue tls",
    "http.cluster": "local_node_addr timeout",
    "mux": "addr handlers timeout tls",
    "store": """addr apply_timeout auto_optimize cdc commit_timeout db_applied_index db_conf dir dir_size dir_size_friendly
        election_timeout fsm_index fsm_term fsm_update_time heartbeat_timeout leader
        leader_appended_at_time node_id nodes open raft ready reap_read_only_timeout reap_timeout
        snapshot_interval snapshot_store snapshot_threshold snapshots sqlite3 strong_read_term
        trailing_logs""",
    "store.raft": """applied_index commit_index config fsm_pending last_contact last_log_index
        last_log_term last_snapshot_index last_snapshot_term latest_configuration
        latest_configuration_index log_size log_size_friendly num_peers protocol_version
        protocol_version_max protocol_version_min snapshot_version_max snapshot_version_min state
        term voter""",
    "store.raft.config": """CommitTimeout ElectionTimeout HeartbeatTimeout LeaderLeaseTimeout LocalID LogLevel
        NoSnapshotRestoreOnStart ShutdownOnRemove SnapshotInterval SnapshotThreshold""",
    "store.snapshot_store": "dir dir_size snapshots",
    "store.sqlite3": """compile_options conn_pool_stats db_size db_size_friendly extensions
        last_modified mem_stats path pragmas size version wal_size""",
    "store.sqlite3.conn_pool_stats.ro": "idle in_use max_open_connections open_connections",
    "": "build cluster extensions http mux network node os runtime store",
}


@pytest.mark.parametrize("key, names", KEYS.items())
def test_status_has_these_names_and_no_other(client, key, names):
    client.must("CREATE TABLE t(v)")
    # The first entry with a time, which is noted after whoever wrote it has heard.
    eventually(lambda: client.status("store.leader_appended_at_time"))
    assert sorted(client.status(key)) == names.split()


def test_status_knows_the_database(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(v)", "INSERT INTO t VALUES(randomblob(100000))")
    sqlite = client.status("store.sqlite3")
    memory = sqlite["mem_stats"]
    assert set(memory) == {"cache_size", "freelist_count", "hard_heap_limit", "max_page_count",
                           "page_count", "page_size", "soft_heap_limit"}
    assert sqlite["db_size"] == memory["page_count"] * memory["page_size"] > 100_000
    assert sqlite["wal_size"] > 100_000
    assert sqlite["pragmas"] == {
        "ro": {"busy_timeout": "5000", "foreign_keys": "0", "journal_mode": "wal",
               "synchronous": "0", "wal_autocheckpoint": "1000"},
        "rw": {"busy_timeout": "5000", "foreign_keys": "0", "journal_mode": "wal",
               "synchronous": "0", "wal_autocheckpoint": "0"}}
    assert sqlite["conn_pool_stats"]["ro"]["max_open_connections"] == 256
    assert any("THREADSAFE" in each for each in sqlite["compile_options"])
    assert client.send("POST", "/snapshot").status == 200
    assert client.status("store.sqlite3.size") >= sqlite["db_size"]


def test_status_knows_when_the_database_was_written(start_node):
    client = start_node().client
    client.must("CREATE TABLE t(v)")
    before = client.status("store.sqlite3.last_modified")
    assert re.fullmatch(TIME, before)
    client.must("INSERT INTO t VALUES(randomblob(100000))")
    # Times of files move in steps of some milliseconds.
    eventually(lambda: client.must("INSERT INTO t VALUES(1)")
               and client.status("store.sqlite3.last_modified") > before)


def test_status_knows_whether_foreign_keys_are_checked(start_node):
    node = start_node("-fk")
    assert node.client.status("store.db_conf.fk_constraints") is True
    for value, shown in (("0", "0"), ("ON", "1"), ("OFF", "0")):
        node.client.must(f"PRAGMA foreign_keys={value}")
        eventually(lambda: node.client.status("store.sqlite3.pragmas.rw.foreign_keys") == shown)
    assert node.client.status("store.sqlite3.pragmas.ro.foreign_keys") == "1"
    node.restart()
    assert node.client.status("store.sqlite3.pragmas.rw.foreign_keys") == "0"


def test_status_records_keep_their_order_unless_they_are_selected(client):
    whole = client.send("GET", "/status").text
    assert re.search(r'"nodes":\[\{"id":"[^"]+","addr":"[^"]+","suffrage":"voter"\}\]', whole)
    assert re.search(r'"ro":\{"max_open_connections":\d+,"open_connections":', whole)
    part = client.send("GET", "/status?key=store.nodes&pretty").text
    assert re.fullmatch(r'\[\{"addr":"[^"]+","id":"[^"]+","suffrage":"voter"\}\]', part)
    assert client.status("store.sqlite3.conn_pool_stats.ro.idle") >= 0


def test_status_tells_commands_and_changes_apart(node):
    def indexes():
        store = node.client.status("store")
        return store["db_applied_index"], store["fsm_index"], store["raft"]["applied_index"]

    node.client.must("CREATE TABLE t(a)")
    written, command, applied = indexes()
    assert written == command == applied
    assert node.client.query(["SELECT 1"], level="strong").status == 200
    assert indexes() == (written, command + 1, applied + 1)
    assert node.client.query(["SELECT 1"], level="linearizable").status == 200
    assert indexes() == (written, command + 1, applied + 1)
    node.client.queue(["INSERT INTO t VALUES(1)"], "wait")
    assert indexes() == (applied + 2,) * 3
    # A start takes the snapshot for a command.
    node.restart()
    written, command, applied = indexes()
    assert written <= command <= applied


def test_status_loses_no_digit(start_queue):
    client = start_queue().client
    number = client.queue([["INSERT INTO log(line) VALUES(?)", "a"]], "wait").number
    assert client.send("GET", "/status?key=http.queue._default.sequence_number").text == str(number)


def test_status_tells_of_the_last_backup(client):
    assert client.send("GET", "/db/backup").status == 200
    eventually(lambda: client.status("last_backup_time") != {})
    assert re.fullmatch(TIME, client.status("last_backup_time"))
