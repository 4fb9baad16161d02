"""TLS between nodes, as the flags ask for it: who comes in and who does not."""

import socket
import ssl

import pytest

from certificates import Authority, Pair
from members import INSERT, TABLE, ids
from node import HOST, eventually


@pytest.fixture
def authority(home):
    return Authority(home, "nodes")


def tls(authority, pair, *flags):
    return ("-node-cert", pair.certificate, "-node-key", pair.key,
            "-node-ca-cert", authority.certificate, *flags)


def refused(make_member, first, *flags):
    """What a node logs that is not let in."""
    node = make_member("-join-attempts", "1", *flags, first=first)
    code, log = node.fail_to_start()
    assert code == 1
    assert "failed to join cluster" in log
    assert ids(first.client.send("GET", "/nodes").json) == ["1"]
    return log


def test_a_common_name_may_be_required_of_nodes(make_member, authority):
    required = ("-node-verify-client", "-node-verify-common-name", "member")
    pair, other = authority.issue("member"), authority.issue("other")
    first = make_member(*tls(authority, pair, *required))
    first.start()
    refused(make_member, first, *tls(authority, other, *required))
    assert "the common name is not the one that is required" in first.log()
    second = make_member(*tls(authority, pair, *required), first=first)
    second.start()
    second.client.must(TABLE, [INSERT, 1])


def test_another_server_name_may_be_expected_of_nodes(make_member, authority):
    pair = authority.issue("node")  # for 127.0.0.1 and localhost
    first = make_member(*tls(authority, pair, "-node-verify-server-name", "localhost"))
    first.start()
    refused(make_member, first, *tls(authority, pair, "-node-verify-server-name", "elsewhere"))
    second = make_member(*tls(authority, pair, "-node-verify-server-name", "localhost"),
                         first=first)
    second.start()
    second.client.must(TABLE, [INSERT, 1])


def test_who_verifies_no_server_still_verifies_whoever_comes(make_member, authority, home):
    pair, wrong = authority.issue("node"), Authority(home, "others").issue("node")
    lax = ("-node-no-verify", "-node-verify-client")
    first = make_member(*tls(authority, pair, *lax))
    first.start()
    refused(make_member, first, *tls(authority, wrong, *lax))
    second = make_member(*tls(authority, pair, *lax), first=first)
    second.start()
    second.client.must(TABLE, [INSERT, 1])


def served(node, authority):
    """The common name that another node sees."""
    context = ssl.create_default_context(cafile=authority.certificate)
    with socket.create_connection((HOST, node.raft_port)) as tcp, \
            context.wrap_socket(tcp, server_hostname=HOST) as stream:
        return dict(part[0] for part in stream.getpeercert()["subject"])["commonName"]


def test_nodes_go_on_with_new_certificates(make_member, authority, home):
    pair = Pair(home / "cert.pem", home / "key.pem")
    authority.issue("old").install(pair)
    nodes = [make_member(*tls(authority, pair))]
    nodes[0].start()
    nodes.append(make_member(*tls(authority, pair), first=nodes[0]))
    nodes[1].start()
    nodes[1].client.must(TABLE, [INSERT, 1])
    authority.issue("new").install(pair)
    assert [served(node, authority) for node in nodes] == ["new", "new"]
    for node in nodes:
        assert f"reloading certificate at {pair.certificate} and key at {pair.key}" in node.log()
    # Who talked already goes on, and so does whoever comes now.
    nodes[1].client.must([INSERT, 2])
    nodes.append(make_member(*tls(authority, pair), first=nodes[1]))
    nodes[2].start()
    nodes[2].client.must([INSERT, 3])
    assert nodes[0].rows("strong") == 3


def test_an_expired_certificate_is_named_where_it_is_refused(make_member, authority, home):
    nodes = [make_member(*tls(authority, authority.issue("first")))]
    nodes[0].start()
    pair = Pair(home / "cert.pem", home / "key.pem")
    authority.issue("second").install(pair)
    nodes.append(make_member(*tls(authority, pair), first=nodes[0]))
    nodes[1].start()
    assert nodes[1].stop() == 0
    authority.issue("late", days=-1).install(pair)
    nodes[1].launch()
    said = f"node at {nodes[1].raft_address} cannot be sent messages: "
    eventually(lambda: said in nodes[0].log())
    line = next(line for line in nodes[0].log().splitlines() if said in line)
    assert "certificate" in line and "expired" in line
    authority.issue("new").install(pair)
    eventually(lambda: f"node at {nodes[1].raft_address} takes messages again" in nodes[0].log())
