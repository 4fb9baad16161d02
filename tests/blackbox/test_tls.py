"""HTTPS on the API's port."""

import http.client
import json
import re
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from certificates import Authority, Pair
from node import HOST, Node, eventually

CLEAR_TEXT_REFUSED = (b"HTTP/1.0 400 Bad Request\r\n\r\n"
                      b"Client sent an HTTP request to an HTTPS server.\n")
MEBI = 1 << 20


# What is made once, for all tests: they change nothing of it.

@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="rqlited-tls-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def stranger(folder):
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def server(authority):
    return authority.issue("server")


def tls_node(directory, authority, pair, *flags, client=None):
    node = Node(directory, "-http-cert", pair.certificate, "-http-key", pair.key, *flags)
    node.tls = client or authority.client()
    node.start()
    return node


@pytest.fixture(scope="module")
def node(folder, authority, server):
    made = tls_node(folder / "node", authority, server)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def strict(folder, authority, server):
    """A node that wants to know its clients. `fiona` is one."""
    made = tls_node(folder / "strict", authority, server, "-http-verify-client",
                    "-http-ca-cert", authority.certificate,
                    client=authority.client(authority.issue("fiona")))
    yield made
    made.kill()


def metric(node, name):
    text = node.client.send("GET", "/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def talk(node, context):
    """A request on a connection of its own."""
    node.tls, usual = context, node.tls
    try:
        client = node.new_client()
    finally:
        node.tls = usual
    reply = client.send("GET", "/readyz")
    version = client.socket.version()
    client.close()
    return reply.status, version


def curl(*arguments, **options):
    done = subprocess.run(["curl", "-sS", *map(str, arguments)], capture_output=True, timeout=60,
                          check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The server's side.

@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_tls_1_2_and_1_3_are_spoken(node, authority, version, name):
    assert talk(node, authority.client(version=version)) == (200, name)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")  # whose use Python frowns upon
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_what_is_older_is_refused(node, authority, version):
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        talk(node, authority.client(version=version))


def test_a_client_that_trusts_another_authority_does_not_come_in(node, stranger):
    with pytest.raises(ssl.SSLCertVerificationError):
        talk(node, stranger.client())


def test_http_1_1_is_chosen_and_http_2_alone_refused(node, authority):
    both = authority.client()
    both.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((HOST, node.port)) as tcp, \
            both.wrap_socket(tcp, server_hostname=HOST) as tls:
        assert tls.selected_alpn_protocol() == "http/1.1"
    only = authority.client()
    only.set_alpn_protocols(["h2"])
    with socket.create_connection((HOST, node.port)) as tcp, \
            pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        only.wrap_socket(tcp, server_hostname=HOST)


def test_status_and_log_say_so(node, server):
    assert node.client.status("http.tls") == {
        "enabled": "true", "client_auth": "NoClientCert", "cert_file": str(server.certificate),
        "key_file": str(server.key), "ca_file": "", "next_protos": ["http/1.1"]}
    assert re.search(rf"^\[http\] .{{19}} secure HTTPS server enabled with cert {server.certificate}, "
                     rf"key {server.key}, mutual TLS disabled$", node.log(), re.M)
    assert f"node HTTP API available at https://{node.address}\n" in node.log()


def test_a_node_without_tls_says_so_too(start_node):
    plain = start_node("-http-verify-client")
    assert plain.client.status("http.tls") == {"enabled": "false"}
    assert "clients are not verified and nothing is encrypted" in plain.log()


def test_curl_gets_along(node, authority, folder):
    base = f"https://{node.address}"
    ca = ["--cacert", authority.certificate]
    body = folder / "body"
    # Large enough for curl to ask first.
    body.write_text(json.dumps(["CREATE TABLE curl(t)", ["INSERT INTO curl VALUES(?)", "x" * 3 * MEBI]]))
    answer = curl(*ca, f"{base}/db/execute", "-H", "Content-Type: application/json", "-H",
                  "Expect: 100-continue", "--data-binary", f"@{body}")
    assert [result.get("error") for result in json.loads(answer)["results"]] == [None, None]
    # One connection serves both, in HTTP/1.1, although the client would like more.
    query = f"{base}/db/query?q=SELECT%20length(t)%20FROM%20curl"
    connects = curl(*ca, "--http2", "-w", "%{num_connects}%{http_version}\\n", query, query)
    assert connects.count(b"[[%d]]" % (3 * MEBI)) == 2
    assert connects.splitlines()[0].endswith(b"}11.1") and connects.endswith(b"}01.1\n")


# What is large.

ROWS = 250_000
MANY = (f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < {ROWS}) "
        "SELECT i, 'a text that is there to take up room ' || i FROM n")


def test_large_answers_arrive_whole(node):
    reply = node.client.query([MANY])
    assert len(reply.body) > 12 * MEBI
    values = reply.results[0]["values"]
    assert [row[0] for row in values] == list(range(1, ROWS + 1))


def test_an_answer_whose_end_is_that_of_the_connection_is_told_from_one_that_was_cut(
        node, authority):
    body = json.dumps([MANY]).encode()
    with socket.create_connection((HOST, node.port)) as tcp, \
            authority.client().wrap_socket(tcp, server_hostname=HOST,
                                           suppress_ragged_eofs=False) as tls:
        tls.sendall(b"POST /db/query HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        answer = bytearray()
        while part := tls.recv(MEBI):  # raises, if the connection ends without a word
            answer += part
    head, _, rows = answer.partition(b"\r\n\r\n")
    assert b"Content-Length" not in head
    assert len(json.loads(rows)["results"][0]["values"]) == ROWS


def test_large_bodies_arrive_whole(node):
    node.client.must("CREATE TABLE large(t)")
    text = "".join(map(str, range(3_500_000)))
    assert len(text) > 20 * MEBI
    node.client.must(["INSERT INTO large VALUES(?)", text])
    assert node.client.value("SELECT t FROM large") == text


def test_many_requests_share_a_connection(node):
    node.client.send("GET", "/readyz")
    before = metric(node, "rqlite_http_tls_handshakes_total")
    for _ in range(200):
        assert node.client.send("GET", "/readyz").status == 200
    assert metric(node, "rqlite_http_tls_handshakes_total") == before


def test_requests_may_come_ahead_of_their_answers(node, authority):
    with socket.create_connection((HOST, node.port)) as tcp, \
            authority.client().wrap_socket(tcp, server_hostname=HOST) as tls:
        tls.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" * 50 +
                    b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := tls.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 51


# Clients that speak something else, or nothing.

@pytest.mark.parametrize("request_line", [b"GET /status HTTP/1.1", b"POST /db/execute HTTP/1.1",
                                          b"PRI * HTTP/2.0", b"OPTIONS * HTTP/1.0"])
def test_a_request_in_clear_gets_an_answer_in_clear(node, request_line):
    with node.connect() as connection:
        connection.sendall(request_line + b"\r\nHost: a\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer == CLEAR_TEXT_REFUSED


def test_a_large_request_in_clear_gets_it_too(node):
    connection = http.client.HTTPConnection(HOST, node.port, timeout=30)
    connection.request("POST", "/db/execute", b"x" * 3 * MEBI)
    assert connection.getresponse().status == 400
    connection.close()


def test_garbage_is_no_trouble(node):
    for garbage in (b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000, b"\x80" * 50, b"\n"):
        with node.connect() as connection:
            try:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass  # it may be closed with some of that unread, at any moment
    assert node.client.send("GET", "/readyz").status == 200


def test_slow_handshakes_keep_nobody_else_waiting(node, authority):
    slow = [node.connect() for _ in range(200)]
    try:
        for number, connection in enumerate(slow):
            connection.sendall(b"\x16\x03\x01\x02\x00\x01"[:number % 7])
        for _ in range(5):
            assert talk(node, authority.client())[0] == 200
    finally:
        for connection in slow:
            connection.close()


# Clients that have to show a certificate.

def test_a_known_client_comes_in(strict, authority):
    assert strict.client.send("GET", "/readyz").status == 200
    tls = strict.client.status("http.tls")
    assert tls["client_auth"] == "RequireAndVerifyClientCert"
    assert tls["ca_file"] == str(authority.certificate)
    assert f", CA cert {authority.certificate}, mutual TLS enabled\n" in strict.log()


@pytest.mark.parametrize("who, alert", [
    ("nobody", "CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE"),
    ("known to others", "UNKNOWN_CA"),
    ("expired", "CERTIFICATE_EXPIRED"),
    ("a server's own word", "UNKNOWN_CA|BAD_CERTIFICATE"),
])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_unknown_client_does_not(strict, authority, stranger, who, alert, version):
    identity = {
        "nobody": lambda: None,
        "known to others": lambda: stranger.issue("fiona"),
        "expired": lambda: authority.issue("late", days=-1),
        "a server's own word": lambda: Pair(stranger.certificate, stranger._key),
    }[who]()
    before = metric(strict, "rqlite_http_tls_failed_handshakes_total")
    with pytest.raises(ssl.SSLError, match=alert):
        talk(strict, authority.client(identity, version))
    assert metric(strict, "rqlite_http_tls_failed_handshakes_total") == before + 1


def test_the_common_name_must_be_the_required_one(folder, authority, server):
    node = tls_node(folder / "named", authority, server, "-http-verify-client", "-http-ca-cert",
                    authority.certificate, "-http-verify-common-name", "declan",
                    client=authority.client(authority.issue("declan")))
    try:
        assert node.client.send("GET", "/readyz").status == 200
        assert ', mutual TLS enabled, required client CN "declan"\n' in node.log()
        for name in ("fiona", "Declan", "declan.example.com"):
            with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
                talk(node, authority.client(authority.issue(name)))
        assert "the common name is not the one that is required" in node.log()
        assert node.client.send("GET", "/readyz").status == 200
    finally:
        node.kill()


# Files that are replaced.

def served(node):
    """The common name that a new client sees."""
    with socket.create_connection((HOST, node.port)) as tcp, \
            node.tls.wrap_socket(tcp, server_hostname=HOST) as tls:
        return dict(part[0] for part in tls.getpeercert()["subject"])["commonName"]


@pytest.fixture
def rotating(home, authority):
    """A node whose files are its own: `node.pair`."""
    pair = Pair(home / "cert.pem", home / "key.pem")
    authority.issue("server0").install(pair)
    made = tls_node(home / "node", authority, pair)
    made.pair = pair
    yield made
    made.kill()


def test_a_new_certificate_is_served_without_a_request_that_fails(rotating, authority):
    pairs = [authority.issue(f"server{number}") for number in range(1, 6)]
    stop = threading.Event()
    problems, done = [], []

    def keep_asking(new_connections):
        client = rotating.new_client()
        try:
            while not stop.is_set():
                assert client.send("GET", "/readyz").status == 200
                done.append(1)
                if new_connections:
                    client.close()
        except Exception as problem:  # of any kind: there is to be none
            problems.append(problem)

    threads = [threading.Thread(target=keep_asking, args=(new,)) for new in (True, True, False)]
    for thread in threads:
        thread.start()
    try:
        for number, pair in enumerate(pairs, start=1):
            count = len(done)
            eventually(lambda count=count: len(done) > count + 20 or problems)
            pair.install(rotating.pair)
            assert served(rotating) == f"server{number}"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not problems
    log = rotating.log()
    assert f"reloading certificate at {rotating.pair.certificate} and key at {rotating.pair.key}\n" in log
    assert metric(rotating, "rqlite_http_tls_reloads_total") == len(pairs)


def test_a_bad_pair_leaves_the_old_one_in_use_and_is_logged_once(rotating, authority):
    good = authority.issue("server1")
    new = good.certificate.read_bytes()
    for change in (lambda: rotating.pair.certificate.write_bytes(new),  # the key stays the old one
                   lambda: rotating.pair.certificate.write_text("garbage"),
                   lambda: rotating.pair.certificate.write_bytes(new[:200]),
                   lambda: rotating.pair.certificate.unlink()):
        change()
        for _ in range(3):
            assert served(rotating) == "server0"
    refusals = [line for line in rotating.log().splitlines() if "[cert-reloader]" in line]
    assert len(refusals) == 4
    assert "does not belong to the certificate" in refusals[0]
    assert "there is no certificate" in refusals[1]
    assert "no such file" in refusals[3]
    rotating.pair.key.write_bytes(good.key.read_bytes())
    rotating.pair.certificate.write_bytes(new)
    assert served(rotating) == "server1"


# Files that are wrong from the start.

@pytest.mark.parametrize("flag, content, message", [
    ("-http-cert", None, r"stat \S+/wrong\.pem: no such file or directory"),
    ("-http-key", None, r"stat \S+/wrong\.pem: no such file or directory"),
    ("-http-cert", "garbage", r"\S+/wrong\.pem: there is no certificate in PEM form in it"),
    ("-http-key", "garbage", r"\S+/wrong\.pem: there is no private key in PEM form in it"),
    ("-http-cert", "", r"\S+/wrong\.pem: there is no certificate in PEM form in it"),
    ("-http-key", "another", r"the key in \S+/wrong\.pem does not belong to the certificate in \S+"),
    ("-http-ca-cert", None, r'failed to load CA certificate\(s\) for verification in '
                            r'"\S+/wrong\.pem": open \S+/wrong\.pem: no such file or directory'),
    ("-http-ca-cert", "garbage", r'failed to load CA certificate\(s\) for verification in '
                                 r'"\S+/wrong\.pem"'),
])
def test_files_that_are_wrong_are_fatal(make_node, home, authority, server, flag, content, message):
    wrong = home / "wrong.pem"
    if content == "another":
        content = authority.issue("another").key.read_text()
    if content is not None:
        wrong.write_text(content)
    node = make_node("-http-cert", server.certificate, "-http-key", server.key,
                     "-http-verify-client", flag, wrong)
    code, log = node.fail_to_start()
    assert code == 1
    assert log.splitlines()[-1].startswith("[rqlited] ")
    assert re.search(rf" failed to start HTTP server: {message}\n$", log)
    assert not (node.data / "db.sqlite").exists()


# The end.

def test_a_stop_ends_connections_in_good_order(rotating):
    client = rotating.new_client()
    assert client.send("GET", "/readyz").status == 200
    waiting = rotating.connect()
    waiting.sendall(b"\x16\x03")
    idle = client.socket
    idle.suppress_ragged_eofs = False
    began = time.monotonic()
    rotating.signal(15)
    assert idle.recv(1) == b""  # raises, if the connection ends without a word
    assert rotating.wait() == 0
    assert time.monotonic() - began < 5
    waiting.close()
