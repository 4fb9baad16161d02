"""/snapshot and /reap."""

JSON = "application/json; charset=utf-8"


def test_snapshot_takes_one_and_then_finds_nothing_new(client):
    client.must("CREATE TABLE t(n)")
    reply = client.send("POST", "/snapshot")
    assert (reply.status, reply.body) == (200, b"")
    assert client.status("store.raft.last_snapshot_index") > 0
    reply = client.send("POST", "/snapshot")
    assert (reply.status, reply.body) == (204, b"")
    assert "Content-Length" not in reply.headers
    client.must("INSERT INTO t VALUES(1)")
    assert client.send("POST", "/snapshot").status == 200


def test_reap_finds_nothing(client):
    reply = client.send("POST", "/reap?pretty")
    assert (reply.status, reply.text) == (200, '{"snapshots_reaped":0,"wals_checkpointed":0}\n')
    assert reply.headers["Content-Type"] == JSON


def test_a_snapshot_takes_trailing_logs(client):
    for number in ("0", "100", "-5"):
        client.must("CREATE TABLE IF NOT EXISTS t(n)", "INSERT INTO t VALUES(1)")
        assert client.send("POST", "/snapshot?trailing_logs=" + number).status == 200
    reply = client.send("POST", "/snapshot?trailing_logs=x")
    assert (reply.status, reply.text) == (400, "trailing_logs is not a valid integer\n")
