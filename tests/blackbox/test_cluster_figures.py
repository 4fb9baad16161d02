"""What a cluster shows of itself: each figure moves when what it names happens, and only then."""

import concurrent.futures
import re
import signal
import socket

import pytest

from exposition import parse
from guards import basic
from members import INSERT, TABLE
from node import eventually

CLUSTER = """num_backup_req num_broadcast_hwm_req num_client_execute_retries
num_client_force_new_conn num_client_load_retries num_client_query_retries
num_client_read_timeouts num_client_request_retries num_client_retries num_client_write_timeouts
num_conn_rejected num_execute_req num_get_node_api_req num_get_node_api_req_local
num_get_node_api_req_retries num_get_node_api_resp num_hwm_update_dropped num_join_req num_load_req
num_notify_req num_query_req num_remove_node_req num_request_req num_stepdown_req""".split()
PROXY = """remote_backups remote_executions remote_executions_failed remote_loads remote_queries
remote_queries_failed remote_remove_node remote_requests remote_requests_failed
remote_stepdowns""".split()
MUX = "num_connections_handled num_tls_cert_fetched num_unregistered_handlers".split()


def counts(node, name):
    return node.client.send("GET", f"/debug/vars?key={name}").json[name]


def grown(node, name, work):
    """What work() adds to the counters of a map."""
    before = counts(node, name)
    work()
    after = counts(node, name)
    return {key: after[key] - before[key] for key in after if after[key] != before[key]}


def metrics(node):
    reply = node.client.send("GET", "/metrics")
    assert reply.status == 200
    return parse(reply.text)


def value(of, name, **labels):
    return metrics(of)[name].value(**labels)


def json_type():
    return {"Content-Type": "application/json"}


# The forms.

def test_every_counter_is_there_from_the_start(make_member):
    node = make_member()
    node.start()
    for name, keys in (("cluster", CLUSTER), ("proxy", PROXY), ("mux", MUX)):
        shown = counts(node, name)
        assert sorted(shown) == sorted(keys)
        assert not any(shown.values()), shown
    store = counts(node, "store")
    assert {"num_joins", "num_ignored_joins", "num_removed_before_joins", "nodes_reaped_ok",
            "nodes_reaped_failed", "failed_heartbeat_observed", "num_restores",
            "num_restores_failed", "num_restores_start",
            "num_restores_start_skipped"} <= set(store)
    assert store["num_restores_start_skipped"] == 0
    node.restart()
    store = counts(node, "store")
    assert (store["num_restores_start"], store["num_restores_start_skipped"]) == (0, 1)


def test_what_status_says_of_the_port_between_nodes(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    assert leader.client.status("mux") == {
        "addr": leader.raft_address, "handlers": "HTTP/1.1", "timeout": "30s", "tls": "disabled"}
    assert follower.client.status("http.cluster.timeout") == "30s"
    assert follower.client.status("http.cluster.local_node_addr") == follower.raft_address
    follower.client.must([INSERT, 1])
    pools = follower.client.status("http.cluster")["conn_pool_stats"]
    assert pools[leader.raft_address]["max_open_connections"] == 64
    assert pools[leader.raft_address]["open_connections"] >= 1
    assert pools[leader.raft_address]["idle"] >= 1


def test_what_status_says_of_the_time_limits_of_members(make_member):
    node = make_member("-raft-reap-node-timeout", "90m", "-raft-log-level", "ERROR")
    node.start()
    store = node.client.status("store")
    assert (store["reap_timeout"], store["reap_read_only_timeout"]) == ("1h30m0s", "0s")
    assert (store["apply_timeout"], store["commit_timeout"]) == ("10s", "50ms")
    raft = store["raft"]
    assert (raft["protocol_version_min"], raft["protocol_version"],
            raft["protocol_version_max"]) == (0, 3, 3)
    config = raft["config"]
    assert config["LocalID"] == "1" and config["LogLevel"] == "ERROR"
    assert (config["HeartbeatTimeout"], config["ElectionTimeout"],
            config["LeaderLeaseTimeout"]) == (300_000_000, 300_000_000, 200_000_000)
    assert config["CommitTimeout"] == 50_000_000
    assert (config["SnapshotInterval"], config["SnapshotThreshold"]) == (10_000_000_000, 8192)


def test_a_snapshot_is_known_by_its_term_index_and_time(make_member):
    node = make_member()
    node.start()
    node.client.must("CREATE TABLE u(v)")
    assert node.client.send("POST", "/snapshot").status == 200
    [name] = node.client.status("store.snapshot_store")["snapshots"]
    raft = node.client.status("store.raft")
    term, index, taken = re.fullmatch(r"(\d+)-(\d+)-(\d{13})", name).groups()
    assert (int(term), int(index)) == (raft["last_snapshot_term"], raft["last_snapshot_index"])
    assert node.client.status("store.snapshot_store")["snapshots"] == [name]
    node.kill()
    node.start()
    assert node.client.status("store.snapshot_store")["snapshots"] == [name]


def test_when_the_leader_took_an_entry_in_is_the_same_on_every_node(trio):
    trio[0].client.must([INSERT, 1])
    trio.wait_until_equal()
    assert len({node.client.status("store.leader_appended_at_time") for node in trio}) == 1


def test_the_last_change_of_members_has_its_place(calm_trio, make_member):
    before = calm_trio[0].client.status("store.raft.latest_configuration_index")
    make_member(first=calm_trio[0]).start()
    after = calm_trio[0].client.status("store.raft.latest_configuration_index")
    assert before < after <= calm_trio[0].client.status("store.raft.applied_index")


def test_the_term_of_the_last_strong_read(calm_trio):
    leader = calm_trio.leader()
    assert leader.client.status("store.strong_read_term") == 0
    assert leader.rows("strong") == 0
    assert leader.client.status("store.strong_read_term") == leader.client.status("store.raft.term")


# What is passed on.

FORWARDED = [
    (lambda node: node.client.execute([[INSERT, 1]]), "remote_executions", "num_execute_req"),
    (lambda node: node.client.query(["SELECT 1"]), "remote_queries", "num_query_req"),
    (lambda node: node.client.send("POST", "/db/request", [[INSERT, 1]]), "remote_requests",
     "num_request_req"),
    (lambda node: node.client.send("GET", "/db/backup"), "remote_backups", "num_backup_req"),
    (lambda node: node.client.send("DELETE", "/remove", {"id": "nobody"}), "remote_remove_node",
     "num_remove_node_req"),
]


def test_what_is_passed_on_counts_here_and_there(calm_trio):
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    for send, here, there in FORWARDED:
        def work():
            assert grown(follower, "proxy", lambda: send(follower)) == {here: 1}

        assert grown(leader, "cluster", work) == {there: 1}
        assert grown(leader, "proxy", lambda: send(leader)) == {}


def test_handing_over_counts(calm_trio):
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    target = {"id": follower.flags[1]}

    def hand_over():
        assert follower.client.send("POST", "/leader?wait", target, json_type()).status == 200

    before = counts(leader, "store")["leader_changes_observed"]
    assert grown(leader, "cluster",
                 lambda: grown(follower, "proxy", hand_over)) == {"num_stepdown_req": 1}
    assert calm_trio.leader() is follower
    assert counts(leader, "store")["leader_changes_observed"] > before
    assert value(follower, "rqlite_raft_elections_total") == 1
    assert counts(follower, "proxy")["remote_stepdowns"] == 1


def test_batches_of_queues_are_executions(calm_trio):
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    assert grown(leader, "cluster",
                 lambda: follower.client.queue([[INSERT, 1]], "wait")) == {"num_execute_req": 1}


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_what_is_refused_counts_too(unlike_files, size):
    """Once, whether its body has come by then or not."""
    first, second = unlike_files

    def executions():
        return first.client.send("GET", "/debug/vars?key=cluster", None,
                                 basic("ops", "pw")).json["cluster"]["num_execute_req"]

    before = executions()
    body = [["SELECT ?", "x" * size]]
    reply = second.client.send("POST", "/db/execute", body, basic("bob", "pw"))
    assert (reply.status, reply.text) == (401, "remote Execute not authorized\n")
    assert executions() == before + 1


def test_what_cannot_be_passed_on_failed(trio, make_member):
    voters = list(trio)
    copy = make_member("-raft-non-voter", first=trio[0])  # which does not look for another leader
    copy.start()
    for node in voters:
        node.signal(signal.SIGSTOP)
    try:
        assert grown(copy, "proxy", lambda: copy.client.execute(
            [[INSERT, 1]], timeout="100ms")) == {
                "remote_executions": 1, "remote_executions_failed": 1}
        assert counts(copy, "cluster")["num_client_read_timeouts"] >= 1
    finally:
        for node in voters:
            node.signal(signal.SIGCONT)


def test_what_nodes_ask_each_other_counts(calm_trio):
    first, second = calm_trio[0], calm_trio[1]

    def ask():
        assert second.client.send("GET", "/nodes").status == 200

    assert grown(first, "cluster", ask) == {"num_get_node_api_req": 1, "num_get_node_api_resp": 1}
    assert grown(second, "cluster", ask) == {"num_get_node_api_req_local": 1}


# The port.

def test_what_the_port_does_not_know_counts(calm_trio):
    node = calm_trio[0]

    def knock():
        with socket.create_connection((node.host, node.raft_port), timeout=10) as connection:
            connection.sendall(b"GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 404")

    assert grown(node, "mux", knock) == {"num_connections_handled": 1,
                                         "num_unregistered_handlers": 1}


def test_whom_the_port_turns_away_counts(make_member):
    node = make_member()
    node.start()
    connections = [socket.create_connection((node.host, node.raft_port), timeout=10)
                   for _ in range(515)]
    try:
        eventually(lambda: counts(node, "cluster")["num_conn_rejected"] == 3)
        assert counts(node, "mux")["num_connections_handled"] == 512
        assert value(node, "rqlite_peer_port_turned_away_total") == 3
        assert value(node, "rqlite_peer_port_connections") == 512
    finally:
        for each in connections:
            each.close()
    eventually(lambda: value(node, "rqlite_peer_port_connections") == 0)


# Members that come and go.

def test_joins_count(calm_trio):
    first, second = calm_trio[0], calm_trio[1]
    store = counts(first, "store")
    assert (store["num_joins"], store["num_ignored_joins"],
            store["num_removed_before_joins"]) == (2, 0, 0)
    assert counts(first, "cluster")["num_join_req"] == 2

    def come_back():
        second.restart()  # which may be done before it has been told that it is a member
        eventually(lambda: "successfully joined cluster at" in second.log())
    assert grown(first, "store", come_back).get("num_ignored_joins") == 1
    # Each was begun with what the first one had.
    assert counts(calm_trio[2], "store")["num_restores"] == 1


def test_a_member_whose_place_another_takes_counts(make_member):
    first = make_member()
    first.start()
    second = make_member("-raft-non-voter", first=first)
    second.start()
    second.kill()
    second.data.rename(second.data.with_name("gone"))
    grew = grown(first, "store", second.start)
    assert (grew["num_removed_before_joins"], grew["num_joins"]) == (1, 1)


def test_changes_of_members_are_no_commands(make_member):
    first = make_member()
    first.start()
    first.client.must(TABLE)
    before = first.client.status("store")
    second = make_member("-raft-non-voter", first=first)
    second.start()
    after = first.client.status("store")
    assert after["raft"]["applied_index"] > before["raft"]["applied_index"]
    assert (after["fsm_index"], after["db_applied_index"]) == \
        (before["fsm_index"], before["db_applied_index"])


def test_a_join_counts_where_it_is_asked_for(calm_trio, make_member):
    follower = calm_trio.followers()[0]
    grew = grown(follower, "cluster", make_member(first=follower).start)
    assert grew["num_join_req"] == 1
    assert counts(follower, "store")["num_joins"] == 0


def test_members_that_are_gone_count(make_member):
    first = make_member("-raft-reap-read-only-node-timeout", "500ms")
    first.start()
    reader = make_member("-raft-non-voter", first=first)
    reader.start()
    reader.kill()
    eventually(lambda: counts(first, "store")["nodes_reaped_ok"] == 1)
    store = counts(first, "store")
    assert store["nodes_reaped_failed"] == 0
    assert store["failed_heartbeat_observed"] > 0
    assert value(first, "rqlite_raft_failed_heartbeats_total") > 0


# /metrics, of each member.

def test_how_far_members_are_behind(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    name = follower.flags[1]
    eventually(lambda: value(leader, "rqlite_peer_lag_entries", node=name) == 0)
    assert "rqlite_peer_lag_entries" not in metrics(follower)
    follower.signal(signal.SIGSTOP)
    try:
        for v in range(20):
            leader.client.must([INSERT, v])
        assert value(leader, "rqlite_peer_lag_entries", node=name) >= 20
    finally:
        follower.signal(signal.SIGCONT)
    eventually(lambda: value(leader, "rqlite_peer_lag_entries", node=name) == 0)


def test_what_a_leader_knows_of_the_ways_to_members(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    name = follower.flags[1]
    now = metrics(leader)
    assert {dict(each.labels)["node"] for each in now["rqlite_peer_connected"].samples} == {
        node.flags[1] for node in trio if node is not leader}
    assert now["rqlite_peer_connected"].value(node=name) == 1
    assert 0 < now["rqlite_peer_round_trip_seconds"].value(node=name) < 1
    assert 0 <= now["rqlite_peer_last_contact_seconds"].value(node=name) < 5
    sent = now["rqlite_peer_sent_bytes_total"].value(node=name)
    received = now["rqlite_peer_received_messages_total"].value(node=name)
    leader.client.must([INSERT, "x" * 100_000])
    trio.wait_until_equal()
    now = metrics(leader)
    assert now["rqlite_peer_sent_bytes_total"].value(node=name) > sent + 100_000
    assert now["rqlite_peer_received_messages_total"].value(node=name) > received


def test_a_member_that_is_gone_shows(trio):
    leader, follower = trio.leader(), trio.followers()[0]
    name = follower.flags[1]
    before = metrics(leader)
    follower.kill()
    eventually(lambda: value(leader, "rqlite_peer_connected", node=name) == 0)
    eventually(lambda: value(leader, "rqlite_peer_last_contact_seconds", node=name) > 0.5)
    now = metrics(leader)
    for counter in ("lost_messages", "connects"):
        full = f"rqlite_peer_{counter}_total"
        eventually(lambda: value(leader, full, node=name) > before[full].value(node=name))
    assert {name} | {dict(each.labels)["node"] for each in
                     now["rqlite_peer_round_trip_seconds"].samples} == {
        node.flags[1] for node in trio if node is not leader}
    assert len(now["rqlite_peer_round_trip_seconds"].samples) == 1


def test_elections_and_changes_of_leaders_count(trio):
    old = trio.leader()
    followers = trio.followers()
    before = [value(node, "rqlite_raft_leader_changes_total") for node in followers]
    assert value(old, "rqlite_raft_elections_total") == 1
    assert [value(node, "rqlite_raft_elections_total") for node in followers] == [0, 0]
    old.kill()
    leader = trio.leader()
    assert sum(value(node, "rqlite_raft_elections_total") for node in followers) >= 1
    assert value(leader, "rqlite_raft_elections_total") >= 1
    for node, changes in zip(followers, before):
        assert value(node, "rqlite_raft_leader_changes_total") > changes


def test_snapshots_on_their_way_count(make_member):
    first = make_member()
    first.start()
    first.client.must("CREATE TABLE t(v)", [INSERT, "x" * 1_000_000])

    def transfers(node, **labels):
        return value(node, "rqlite_snapshot_transfers_total", **labels)

    assert transfers(first, direction="out", result="done") == 0
    second = make_member("-raft-non-voter", first=first)
    second.start()
    eventually(lambda: transfers(first, direction="out", result="done") == 1)
    assert transfers(second, direction="in", result="done") == 1
    for node, direction in ((first, "out"), (second, "in")):
        assert value(node, "rqlite_snapshot_transfer_bytes_total", direction=direction) > 1_000_000
        assert value(node, "rqlite_snapshot_transfers_running", direction=direction) == 0
        assert transfers(node, direction=direction, result="failed") == 0


def test_a_snapshot_that_does_not_arrive_counts(make_member):
    first = make_member()
    first.start()
    first.client.must("CREATE TABLE t(v)")
    for _ in range(20):
        first.client.must("INSERT INTO t(v) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                          "i + 1 FROM n WHERE i < 1000) SELECT hex(randomblob(500)) FROM n")
    second = make_member(first=first)
    second.launch()
    eventually(lambda: "sending the snapshot" in first.log(), every=0.0005)
    second.kill()
    assert value(first, "rqlite_snapshot_transfers_running", direction="out") == 1
    eventually(lambda: value(first, "rqlite_snapshot_transfers_total", direction="out",
                             result="failed") == 1, within=40)
    assert value(first, "rqlite_snapshot_transfers_running", direction="out") == 0


def test_what_is_passed_on_is_measured(calm_trio):
    leader, follower = calm_trio.leader(), calm_trio.followers()[0]
    for send, _, _ in FORWARDED:
        send(follower)
    for kind in ("execute", "query", "request", "backup", "remove"):
        assert value(follower, "rqlite_forwarded_requests_total", kind=kind) == 1
        assert value(follower, "rqlite_forwarded_failures_total", kind=kind) == 0
        assert value(leader, "rqlite_received_forwards_total", kind=kind) == 1


def test_what_is_sent_again_counts(trio, make_member):
    """To a leader that is gone, until there is another."""
    leader, followers = trio.leader(), trio.followers()
    copy = make_member("-raft-non-voter", first=leader)  # which does not look for another leader
    copy.start()
    copy.client.must([INSERT, 1])
    before = counts(copy, "cluster")
    for node in followers:
        node.signal(signal.SIGSTOP)
    leader.kill()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            write = pool.submit(copy.new_client().execute, [[INSERT, 2]])
            eventually(lambda: counts(copy, "cluster") != before)
        finally:
            for node in followers:
                node.signal(signal.SIGCONT)
        assert write.result().results[0]["rows_affected"] == 1
    after = counts(copy, "cluster")
    assert after["num_client_execute_retries"] > before["num_client_execute_retries"]
    assert after["num_client_retries"] > before["num_client_retries"]
    assert after["num_client_force_new_conn"] > before["num_client_force_new_conn"]
