"""/debug/vars: its form, and that everything counts what it says."""

import json
import re

import pytest

from node import eventually

HTTP = """auth_fail auth_ok backups boot execute_stmts_rx executions leader_not_found loads
num_readyz num_status queries query_stmts_rx queued_executions queued_executions_failed
queued_executions_leadership_lost queued_executions_no_leader queued_executions_not_leader
queued_executions_num_stmts_rx queued_executions_num_stmts_tx queued_executions_ok
queued_executions_unknown_error queued_executions_wait queued_executions_wait_timeout
request_stmts_rx requests sql_analyze tls_cert_fetched ui user_reaps user_snapshots""".split()
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
    assert reply.text.startswith('{\n"cdc.service": {},\n"cluster": {"num_backup_req": 0, ')
    assert reply.text.endswith('"uploader": {}\n}\n')
    assert re.findall(r'^"([^"]+)": ', reply.text, re.M) == MAPS == sorted(MAPS)
    line = re.search(r'^"http": (.+),$', reply.text, re.M)[1]
    assert re.fullmatch(r'\{"auth_fail": 0(, "[a-z_]+": \d+)+\}', line)
    assert list(json.loads(line)) == HTTP
    http = reply.json["http"]
    # What the node was asked until it was ready, and this.
    assert {key for key, count in http.items() if count} <= {"auth_ok", "num_readyz"}
    assert http["auth_ok"] == http["num_readyz"] + 1


def test_one_of_them_can_be_asked_for(client):
    assert client.send("GET", "/debug/vars?key=proto").text == '{\n"proto": {}\n}\n'
    assert list(variables(client, "queue")) == ["queue"]
    for key in ("nothing", "http.auth_ok", "HTTP"):
        assert client.send("GET", "/debug/vars?key=" + key).text == "{\n\n}\n"


def test_any_method_will_do(client):
    for method in ("GET", "POST", "DELETE", "BREW"):
        assert client.send(method, "/debug/vars?key=db").text == '{\n"db": {}\n}\n'
    head = client.send("HEAD", "/debug/vars")
    assert (head.status, head.body) == (200, b"")


def test_the_process_describes_itself(node):
    shown = variables(node.client)
    assert shown["cmdline"][1:3] == ["-http-addr", node.address]
    assert shown["memstats"]["Sys"] > 1_000_000


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
    grew = grown(client, lambda: client.send("POST", "/snapshot"), "store")
    assert grew == {"num_snapshots": 1}
    assert counts(client, "store")["leader_changes_observed"] == 1
