"""The port between nodes: strangers get nothing from it, and stop nothing."""

import http.client
import json
import os
import random
import re
import socket
import ssl
import time

import pytest

from certificates import Authority
from guards import basic, user
from members import INSERT, TABLE, ids
from node import eventually

WORDS = b"this node is of another cluster"
STREAM = {"Connection": "Upgrade", "Upgrade": "rqlite-raft", "Rqlite-From": "00000000000000aa",
          "Rqlite-Address": "127.0.0.1:1"}
CLOSED = [
    ("GET", "/peer/1/meta", None, {}),
    ("GET", "/peer/1/stream", None, STREAM),
    ("GET", "/peer/1/snapshot", None, {"Rqlite-From": "00000000000000aa"}),
    ("GET", "/peer/1/snapshot/part?id=1&file=0&offset=0", None, {}),
    ("POST", "/peer/1/snapshot/done?arrived=1", b"", {"Rqlite-From": "00000000000000aa"}),
    ("POST", "/peer/1/batch?epoch=1&first=1", b"\x00" * 10, {"Rqlite-From": "00000000000000aa"}),
    ("POST", "/peer/1/batch?epoch=1&first=1", b"\x00" * 3_000_000, {}),
    ("GET", "/peer/1/applied?index=1", None, {}),
    ("POST", "/peer/1/forward/db/execute", json.dumps([[INSERT, 1]]).encode(), {}),
    ("POST", "/peer/1/forward/db/execute?queue&wait", json.dumps([[INSERT, 1]]).encode(), {}),
    ("POST", "/peer/1/forward/db/execute", json.dumps([[INSERT, "x" * 3_000_000]]).encode(), {}),
    ("POST", "/peer/1/forward/db/request", json.dumps([[INSERT, 1]]).encode(), {}),
    ("GET", "/peer/1/forward/db/query?q=SELECT%201", None, {}),
    ("GET", "/peer/1/forward/db/backup", None, {}),
    ("POST", "/peer/1/forward/db/load", b"DELETE FROM t", {}),
    ("POST", "/peer/1/forward/boot", b"x" * 1000, {}),
    ("GET", "/peer/1/forward/status", None, {}),
    ("GET", "/peer/1/forward/nowhere", None, {}),
    ("DELETE", "/peer/1/forward/remove", b'{"id":"2"}', {}),
    ("POST", "/peer/1/forward/leader?wait", b'{"id":"2"}', {"Content-Type": "application/json"}),
]


def ask(node, method, path, body=None, headers=None, tls=None):
    """The status and the body of what the port answers."""
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    peer = kind(node.host, node.raft_port, timeout=20, **({"context": tls} if tls else {}))
    try:
        peer.request(method, path, body, headers or {})
        reply = peer.getresponse()
        return reply.status, reply.read()
    finally:
        peer.close()


def cluster_of(node):
    """The cluster's id, as whoever reads the node's disk finds it."""
    found = re.search(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                      (node.data / "raft" / "snapshot").read_bytes())
    return {"Rqlite-Cluster": found[0].decode()}


def raw(node):
    return socket.create_connection((node.host, node.raft_port), timeout=30)


def reaches(node):
    try:
        raw(node).close()
        return True
    except OSError:
        return False


def answer(connection):
    """All that comes until the other side is done."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def check_that_all_is_well(trio):
    for count, node in enumerate(trio):
        assert node.client.execute([[INSERT, count]]).results[0]["rows_affected"] == 1
        assert all(each["reachable"] for each in node.client.send("GET", "/nodes").json.values())


# Who may say something.

def test_a_stranger_gets_nothing(trio):
    leader = trio.leader()
    for node in (leader, trio.followers()[0]):
        for method, path, body, headers in CLOSED:
            for cluster in ({}, {"Rqlite-Cluster": "made-up"}, {"Rqlite-Cluster": ""},
                            {"Rqlite-Cluster": "0" * 8 + "-0000-4000-8000-" + "0" * 12}):
                status, text = ask(node, method, path, body, headers | cluster)
                assert status == 403 and text.startswith(WORDS), (method, path)
    assert trio.leader() is leader
    assert leader.rows("strong") == 0
    assert ids(leader.client.send("GET", "/nodes").json) == ["1", "2", "3"]
    assert not (leader.client.send("GET", "/debug/vars?key=cluster").json["cluster"]
                ["num_execute_req"])


def test_a_node_that_waits_is_made_a_member_by_nobody_but_those_it_asks(make_member):
    """Somebody asks in its name, which any cluster believes: the node answers where it is said to be."""
    stranger, nobody = make_member(), make_member()
    stranger.start()
    victim = make_member("-join-attempts", "1000", "-join-interval", "100ms", first=nobody)
    victim.launch()
    eventually(lambda: reaches(victim))
    status, identity = ask(victim, "GET", "/peer/1/identity")
    assert status == 200
    address = victim.raft_address.encode()
    wish = identity + b"\x1a" + bytes([len(address)]) + address + b"\x20\x01"
    for _ in range(20):
        assert ask(stranger, "POST", "/peer/1/join", wish)[0] == 202
        time.sleep(0.1)
    assert victim.client.status("store.nodes") == []
    cluster = cluster_of(stranger)
    for method, path, body, headers in CLOSED:
        status, text = ask(victim, method, path, body, headers | cluster)
        assert status == 403 and text.startswith(b"this node is of no cluster yet"), (method, path)
    victim.kill()


def test_naming_the_cluster_twice_is_not_naming_it(trio):
    """Somebody on the way may have looked at the other one."""
    [name] = cluster_of(trio[0]).values()
    with raw(trio[0]) as connection:
        connection.sendall(f"GET /peer/1/meta HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                           f"Rqlite-Cluster: {name}\r\nRqlite-Cluster: {name}\r\n\r\n".encode())
        assert WORDS in answer(connection)
    assert ask(trio[0], "GET", "/peer/1/meta", headers=cluster_of(trio[0]))[0] == 200


def test_what_makes_no_sense_is_refused(trio):
    known = cluster_of(trio[0])
    mine = known | {"Rqlite-From": "00000000000000aa"}
    for method, path, body, headers in [
            ("GET", "/peer/1/stream", None, known),
            ("GET", "/peer/1/stream", None, mine | {"Rqlite-To": "nobody"}),
            ("GET", "/peer/1/stream", None, known | STREAM),
            ("GET", "/peer/1/stream", None, known | STREAM | {"Rqlite-To": "00000000000000bb"}),
            ("GET", "/peer/1/snapshot", None, known),
            ("GET", "/peer/1/snapshot", None, known | {"Rqlite-From": "0"}),
            ("GET", "/peer/1/snapshot/part", None, mine),
            ("GET", "/peer/1/snapshot/part?id=1&file=2&offset=0", None, mine),
            ("GET", "/peer/1/snapshot/part?id=1&file=0&offset=-1", None, mine),
            ("GET", "/peer/1/snapshot/part?id=99999999999999999999&file=0&offset=0", None, mine),
            ("GET", "/peer/1/snapshot/part?id=1&file=0&offset=0", None, mine),
            ("POST", "/peer/1/snapshot/done", b"", mine),
            ("POST", "/peer/1/snapshot/done?arrived=yes", b"", mine),
            ("POST", "/peer/1/batch?epoch=1&first=1", b"", mine),
            ("POST", "/peer/1/batch", b"", mine),
            ("GET", "/peer/1/applied", None, mine),
            ("GET", "/peer/1/applied?index=-1", None, mine),
            ("GET", "/peer/1/meta?%zz", None, mine)]:
        assert ask(trio[0], method, path, body, headers)[0] in (403, 503), path
    for path in ("/peer/1/meta", "/peer/1/identity", "/peer/1/snapshot"):
        assert ask(trio[0], "POST", path, b"", mine)[0] == 405
    for path in ("/", "/status", "/peer", "/peer/2/meta", "/peer/1/", "/peer/1/meta/"):
        assert ask(trio[0], "GET", path, None, mine)[0] == 404
    assert ask(trio[0], "POST", "/peer/1/join", b"\xff" * 20)[0] == 400
    assert ask(trio[0], "POST", "/peer/1/join", b"")[0] == 400
    check_that_all_is_well(trio)


def test_a_batch_of_a_member_that_makes_no_sense_is_refused(trio):
    known = cluster_of(trio[0])
    _, identity = ask(trio[1], "GET", "/peer/1/identity")
    sender = f"{int.from_bytes(identity[1:9], 'little'):016x}"
    for body in (b"\xff", b"\x0a\xff\xff\xff\xff\x7f", os.urandom(100)):
        status, _ = ask(trio[0], "POST", "/peer/1/batch?epoch=1&first=1", body,
                        known | {"Rqlite-From": sender})
        assert status == 403
    check_that_all_is_well(trio)


def test_who_leads_says_what_it_has_applied(trio):
    known = cluster_of(trio[0])
    index = trio[0].client.status("store.raft.applied_index")
    assert ask(trio[0], "GET", f"/peer/1/applied?index={index}", None, known)[0] == 200
    assert ask(trio[0], "GET", f"/peer/1/applied?index={index + 1000}", None, known)[0] == 503
    assert ask(trio[1], "GET", f"/peer/1/applied?index={index}", None, known)[0] == 503
    check_that_all_is_well(trio)


def test_what_is_passed_on_is_as_good_as_its_login(make_member, home):
    users = home / "users.json"
    users.write_text(json.dumps([user("ops", "all"), user("bob", "query")]))
    node = make_member("-auth", str(users))
    node.login = basic("ops", "pw")
    node.start()
    node.client.send("POST", "/db/execute", [TABLE], node.login)
    known = cluster_of(node)
    write = json.dumps([[INSERT, 1]]).encode()
    for login in ({}, basic("bob", "pw"), basic("ops", "wrong"), basic("nobody", "pw"),
                  {"Authorization": "Basic ???"}):
        for method, path, body, text in [
                ("POST", "/db/execute", write, b"remote Execute not authorized\n"),
                ("POST", "/db/execute", write.replace(b"1", b"1" * 3_000_000),
                 b"remote Execute not authorized\n"),
                ("POST", "/db/request", write, b"remote Request not authorized\n"),
                ("GET", "/db/backup", None, b"remote backup not authorized\n"),
                ("POST", "/db/load", b"DELETE FROM t", b"remote load not authorized\n"),
                ("DELETE", "/remove", b'{"id":"1"}', b"remote remove node not authorized\n"),
                ("POST", "/leader", b"", b"remote stepdown not authorized\n")]:
            assert ask(node, method, "/peer/1/forward" + path, body, known | login) == (401, text)
    status, text = ask(node, "GET", "/peer/1/forward/db/query?q=SELECT%20count(*)%20FROM%20t",
                       None, known | basic("bob", "pw"))
    assert status == 200 and json.loads(text)["results"][0]["values"] == [[0]]


# Certificates.

@pytest.fixture
def start_secret(make_member, home):
    """Starts nodes that show each other certificates; `flags` for all of them."""
    authority = Authority(home, "nodes")
    pair = authority.issue("node")

    def start(count, *flags):
        tls = ("-node-cert", pair.certificate, "-node-key", pair.key,
               "-node-ca-cert", authority.certificate, *flags)
        for _ in range(count):
            make_member(*tls, first=make_member.all[0] if make_member.all else None).start()
        make_member.all[0].client.must(TABLE)
        make_member.all.wait_until_equal()
        return make_member.all

    start.authority = authority
    start.pair = pair
    return start


@pytest.mark.parametrize("flag", ["-node-cert", "-node-key", "-node-ca-cert"])
def test_files_that_are_wrong_are_fatal(make_member, home, flag):
    authority = Authority(home, "nodes")
    pair = authority.issue("node")
    wrong = home / "wrong.pem"
    wrong.write_text("garbage")
    node = make_member("-node-cert", pair.certificate, "-node-key", pair.key,
                       "-node-ca-cert", authority.certificate, flag, wrong)
    code, log = node.fail_to_start()
    assert code == 1
    assert re.search(r" failed to start node mux: failed to create node-to-node mux: .*wrong\.pem",
                     log)


def test_without_a_certificate_there_is_nothing(start_secret, home):
    nodes = start_secret(2, "-node-verify-client")
    stranger = Authority(home, "strangers").issue("mallory")
    node = nodes[0]
    for tls in (start_secret.authority.client(), start_secret.authority.client(stranger)):
        for path in ("/peer/1/identity", "/peer/1/meta"):
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.BadStatusLine)):
                ask(node, "GET", path, headers=cluster_of(node), tls=tls)
    with raw(node) as connection:
        connection.sendall(b"GET /peer/1/identity HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" not in answer(connection).split(b"\r\n")[0]
    tls = start_secret.authority.client(start_secret.pair)
    assert ask(node, "GET", "/peer/1/meta", headers=cluster_of(node), tls=tls)[0] == 200
    nodes[1].client.must([INSERT, 1])
    assert node.rows("strong") == 1


def test_a_node_in_clear_does_not_join_one_with_certificates(start_secret, make_member):
    nodes = start_secret(1)
    alone = make_member("-join-attempts", "1", first=nodes[0])
    code, log = alone.fail_to_start()
    assert code == 1 and (f"failed to join via node at {nodes[0].raft_address}: Client sent an "
                          "HTTP request to an HTTPS server.") in log


def test_what_the_port_shows_of_its_certificate(start_secret):
    nodes = start_secret(2)
    assert nodes[0].client.status("mux.tls") == "enabled"
    mux = nodes[0].client.send("GET", "/debug/vars?key=mux").json["mux"]
    assert mux["num_tls_cert_fetched"] >= 1
    assert mux["num_connections_handled"] >= mux["num_tls_cert_fetched"]
    text = nodes[0].client.send("GET", "/metrics").text
    expires = re.search(r"^rqlite_node_tls_certificate_expiry_timestamp_seconds (\S+)", text, re.M)
    assert float(expires[1]) > time.time()


# Too much of everything.

def test_a_length_is_only_a_claim(trio):
    """A peer that says that much will come is refused before the first byte has."""
    node = trio.leader()
    before = node.peak_mebibytes()
    known = cluster_of(node)
    for path, headers in [("/peer/1/join", {}), ("/peer/1/nothing", {}), ("/peer/1/identity", {}),
                          ("/peer/1/batch?epoch=1&first=1", known), ("/peer/1/batch", {}),
                          ("/peer/1/forward/db/execute", known),
                          ("/peer/1/forward/db/execute", {})]:
        for length in (10**9, 2**63, 10**30, -1, "many"):
            with raw(node) as connection:
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                connection.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\n{lines}"
                                   f"Content-Length: {length}\r\n\r\n".encode())
                status = answer(connection).split(b" ")[1]
                assert status in (b"400", b"403", b"404", b"405", b"413", b"503"), (path, length)
    assert node.peak_mebibytes() < before + 50
    check_that_all_is_well(trio)


@pytest.mark.parametrize("path, status", [
    ("/peer/1/join", b"413"), ("/peer/1/nothing", b"404"), ("/peer/1/identity", b"405")])
@pytest.mark.parametrize("chunked", [False, True])
def test_strangers_cannot_make_a_node_hold_much(make_member, path, status, chunked):
    """A node holds a GiB of what it receives: that is for members."""
    node = make_member()
    node.start()
    before = node.peak_mebibytes()
    head = (f"POST {path} HTTP/1.1\r\nHost: a\r\n"
            + ("Transfer-Encoding: chunked\r\n\r\n" if chunked
               else "Content-Length: 200000000\r\n\r\n")).encode()
    piece = b"x" * 1_000_000
    if chunked:
        piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    with raw(node) as connection:
        try:
            connection.sendall(head)
            for _ in range(200):
                connection.sendall(piece)
        except ConnectionError:
            pass
        received = answer(connection)
        assert received == b"" or received.split(b" ")[1] == status
    assert node.peak_mebibytes() < before + 30


def test_a_head_has_an_end(trio):
    node = trio[0]
    before = node.peak_mebibytes()
    for line in (b"X: " + b"x" * 1000 + b"\r\n", b"A: b\r\n", b"x" * 1000):
        with raw(node) as connection:
            try:
                connection.sendall(b"GET /peer/1/identity HTTP/1.1\r\nHost: a\r\n")
                # What comes behind the answer is dropped, for a while.
                connection.sendall(line * (50_000_000 // len(line)))
            except ConnectionError:
                continue
            assert answer(connection).split(b" ")[1] == b"431"
    assert node.peak_mebibytes() < before + 30
    check_that_all_is_well(trio)


def test_garbage_is_no_trouble(trio):
    chance = random.Random(1)
    openings = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x02" + b"\xff" * 8, b"\x01" * 9, b"",
                b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                b"POST /peer/1/join HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"]
    for node in trio:
        for number in range(60):
            with raw(node) as connection:
                opening = openings[number % len(openings)]
                try:
                    connection.sendall(opening + chance.randbytes(chance.randrange(2000)))
                    connection.shutdown(socket.SHUT_WR)
                except ConnectionError:
                    continue
                answer(connection)
    check_that_all_is_well(trio)


def test_garbage_on_a_stream_ends_it_alone(trio):
    """Frames that are none, messages that are none, and of who is no member."""
    node = trio.leader()
    _, identity = ask(node, "GET", "/peer/1/identity")
    to = f"{int.from_bytes(identity[1:9], 'little'):016x}"
    head = "".join(f"{name}: {value}\r\n" for name, value in
                   (cluster_of(node) | STREAM | {"Rqlite-To": to}).items())
    chance = random.Random(2)
    for number in range(20):
        with raw(node) as connection:
            connection.sendall(f"GET /peer/1/stream HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")
            message = chance.randbytes(chance.randrange(1, 300))
            for kind in (b"m", b"s", b"?"):
                frame = message + kind
                connection.sendall(len(frame).to_bytes(4, "little") + frame)
            if number % 2 == 0:
                connection.sendall(b"\xff\xff\xff\xff" + message)
                assert answer(connection) == b""
    check_that_all_is_well(trio)


def test_whoever_says_nothing_keeps_nobody_waiting(trio):
    node = trio.leader()
    silent = []
    try:
        for _ in range(200):
            silent.append(raw(node))
        for each in silent[::2]:
            each.sendall(b"POST /peer/1/join HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        check_that_all_is_well(trio)
    finally:
        for each in silent:
            each.close()


def test_more_connections_than_there_is_room_for(trio):
    """Members that are connected stay so; when the others are gone, new ones come in."""
    leader = trio.leader()
    check_that_all_is_well(trio)
    crowd = []
    try:
        for _ in range(600):
            crowd.append(raw(leader))
        eventually(lambda: leader.client.send("GET", "/debug/vars?key=cluster").json["cluster"]
                   ["num_conn_rejected"] > 50)
        for count in range(20):
            leader.client.must([INSERT, count])
        assert trio.leader() is leader
    finally:
        for each in crowd:
            each.close()
    eventually(lambda: all(each["reachable"] for node in trio
                           for each in node.client.send("GET", "/nodes").json.values()))
    check_that_all_is_well(trio)
