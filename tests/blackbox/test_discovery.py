"""How nodes find each other: -disco-mode."""

import json
import signal

import pytest

from name_service import ConsulStandIn, Etcd, NameService
from node import Node, eventually, free_ports, launch

FAST = ("-raft-heartbeat-timeout", "300ms", "-raft-election-timeout", "300ms",
        "-raft-leader-lease-timeout", "200ms")


@pytest.fixture
def make_nodes(home):
    """Makes nodes, not started. What still runs at the end of the test is killed."""
    made = []

    def make(count, *flags, wrapper=()):
        nodes = []
        for _ in range(count):
            number = len(made) + 1
            node = Node(home / f"node{number}", "-node-id", f"n{number}", *FAST, *flags)
            node.wrapper = list(wrapper)
            made.append(node)
            nodes.append(node)
        return nodes

    yield make
    for node in made:
        node.kill()
        print(node.whole_log())


def wait_until_one(nodes):
    """Ready, and with the same members, all of them."""
    for node in nodes:
        eventually(node.is_ready, within=30)
    for node in nodes:
        eventually(lambda: len(node.client.status("store.nodes")) == len(nodes))
    assert len({node.client.status("store.leader.addr") for node in nodes}) == 1


def leader_of(nodes):
    return next(node for node in nodes if node.client.status("store.raft.state") == "Leader")


# Names.

def hosts(nodes):
    return ["env", "RQLITE_DISCO_DNS_HOSTS=" + ",".join(node.raft_address for node in nodes)]


def test_dns_with_a_list_of_hosts_in_the_environment(make_nodes):
    nodes = make_nodes(3, "-disco-mode", "dns", "-bootstrap-expect", "3")
    for node in nodes:
        node.wrapper = hosts(nodes)
    launch(nodes)
    wait_until_one(nodes)
    for node in nodes:
        eventually(node.has_booted)
        assert "discovery mode: dns" in node.log()
        disco = node.client.status("disco")
        assert disco["mode"] == "dns"
        assert disco["name"] == "rqlite"
        assert disco["port"] == node.raft_port
        assert disco["last_addresses"] == [each.raft_address for each in nodes]
        assert disco["last_contact"].startswith("20")
        assert sorted(disco) == ["last_addresses", "last_contact", "mode", "name", "port"]


def test_a_copy_finds_the_cluster_by_names(make_nodes):
    nodes = make_nodes(1, "-disco-mode", "dns", "-bootstrap-expect", "1")
    copies = make_nodes(1, "-disco-mode", "dns", "-raft-non-voter")
    for node in nodes + copies:
        node.wrapper = hosts(nodes)
    launch(copies)
    eventually(lambda: "failed to join via node at" in copies[0].log())
    launch(nodes)
    wait_until_one(nodes + copies)
    eventually(lambda: "as NON_VOTER" in copies[0].log())
    assert copies[0].client.status("store.raft.voter") is False


def test_what_is_bound_needs_no_host(make_nodes):
    [node] = make_nodes(1, "-disco-mode", "dns", "-bootstrap-expect", "1")
    node.flags += ("-raft-addr", f":{node.raft_port}", "-raft-adv-addr", node.raft_address)
    node.wrapper = hosts([node])
    node.launch()
    wait_until_one([node])
    assert node.client.status("disco.port") == node.raft_port


def test_a_list_of_hosts_that_makes_no_sense(make_nodes):
    [node] = make_nodes(1, "-disco-mode", "dns", "-bootstrap-expect", "1",
                        "-bootstrap-expect-timeout", "2s")
    node.wrapper = ["env", "RQLITE_DISCO_DNS_HOSTS=nowhere"]
    node.launch()
    error = "RQLITE_DISCO_DNS_HOSTS: invalid address nowhere"
    eventually(lambda: f"provider lookup failed {error}" in node.log())
    assert node.client.status("disco.last_error") == error
    assert node.wait() == 1
    assert node.log().endswith("clustering failure: boot timeout\n")


@pytest.mark.parametrize("mode, config, message", [
    ("dns", '{"port":"x"}', "error reading DNS configuration: "),
    ("dns-srv", "{", "error reading DNS configuration: "),
    ("consul-kv", '{"address":"http://a"}', "failed to start discovery service: "),
    ("etcd-kv", '{"endpoints":7}', "failed to start discovery service: "),
])
def test_a_configuration_that_cannot_be_read_is_fatal(make_nodes, mode, config, message):
    expect = ("-bootstrap-expect", "1") if "dns" in mode else ()
    [node] = make_nodes(1, "-disco-mode", mode, "-disco-config", config, *expect)
    code, log = node.fail_to_start()
    assert code == 1
    assert "clustering failure: " + message in log.splitlines()[-1]
    assert "there is no file" not in log


@pytest.mark.parametrize("mode", ["dns", "etcd-kv"])
def test_a_file_that_is_not_there_is_said_to_be_missing(make_nodes, mode):
    expect = ("-bootstrap-expect", "1") if mode == "dns" else ()
    [node] = make_nodes(1, "-disco-mode", mode, "-disco-config", "/nonexist/x.json", *expect)
    code, log = node.fail_to_start()
    assert code == 1
    assert "invalid JSON" in log
    assert log.endswith("; there is no file /nonexist/x.json either\n")


@pytest.fixture
def names(home):
    if why_not := NameService.why_not():
        pytest.skip(why_not)
    service = NameService(home)
    yield service
    service.stop()


def test_dns_by_a_name_server(make_nodes, names):
    """More and more of them are known."""
    nodes = make_nodes(3, "-disco-mode", "dns", "-disco-config", '{"name":"nodes.test"}',
                       "-bootstrap-expect", "3", wrapper=names.wrapper())
    port, raft_port = free_ports(2)
    records = []
    for number, node in enumerate(nodes, 1):
        node.settle_at(f"127.0.58.{number}", port, raft_port)
        records.append(f"--address=/nodes.test/127.0.58.{number}")
    names.serve(*records[:2])
    launch(nodes[:2])
    for node in nodes[:2]:
        eventually(lambda: "2 of 3 nodes that it takes are there" in node.log())
        assert node.client.status("disco.last_addresses") == [each.raft_address
                                                              for each in nodes[:2]]
        assert node.client.status("store.nodes") == []
    names.serve(*records)
    nodes[2].launch()
    wait_until_one(nodes)


def test_dns_srv_by_a_name_server(make_nodes, names):
    config = '{"name":"test","service":"db"}'
    nodes = make_nodes(3, "-disco-mode", "dns-srv", "-disco-config", config,
                       "-bootstrap-expect", "3", wrapper=names.wrapper())
    names.serve("--address=/host.test/127.0.0.1",
                *(f"--srv-host=_db._tcp.test,host.test,{node.raft_port}" for node in nodes))
    launch(nodes)
    wait_until_one(nodes)
    disco = nodes[0].client.status("disco")
    assert disco["mode"] == "dns-srv"
    assert (disco["name"], disco["service"], disco["dns_name:"]) == ("test", "db", "_db._tcp.test")
    assert sorted(disco["last_addresses"]) == sorted(node.raft_address for node in nodes)


def test_a_signal_ends_the_wait_for_a_name_server(make_nodes, names):
    [node] = make_nodes(1, "-disco-mode", "dns", "-bootstrap-expect", "1",
                        wrapper=names.wrapper())
    node.launch()  # nobody answers
    eventually(lambda: "discovery mode: dns" in node.log())
    node.signal(signal.SIGTERM)
    assert node.wait(within=5) == 1
    assert node.log().endswith("clustering failure: boot canceled\n")


# A key in a store.

@pytest.fixture(params=["consul-kv", "etcd-kv"])
def store(request, home):
    if request.param == "consul-kv":
        made = ConsulStandIn()
        made.config = json.dumps({"address": made.address, "token": "a token"})
        made.key = "a cluster/leader"
    else:
        if why_not := Etcd.why_not():
            pytest.skip(why_not)
        made = Etcd(home, *free_ports(2))
        made.config = json.dumps({"endpoints": [made.address]})
        made.key = "/a cluster/leader"
    made.flags = ("-disco-mode", request.param, "-disco-key", "a cluster",
                  "-disco-config", made.config)
    yield made
    made.stop()


def entry_of(store):
    return json.loads(store.value(store.key) or b"{}")


def says_it_leads(store, node):
    return entry_of(store) == {"id": node.flags[1], "api_addr": f"http://{node.address}",
                               "addr": node.raft_address}


def test_the_first_founds_and_the_others_join(make_nodes, store):
    nodes = make_nodes(3, *store.flags)
    launch(nodes)
    wait_until_one(nodes)
    winners = [node for node in nodes
               if "node registered as leader using discovery service" in node.log()]
    assert len(winners) == 1
    for node in nodes:
        assert "no preexisting nodes, registering with discovery service" in node.log()
        if node not in winners:
            assert (f"discovery service returned {winners[0].raft_address} as join address"
                    in node.log())
    eventually(lambda: says_it_leads(store, leader_of(nodes)))
    disco = nodes[0].client.status("disco")
    assert disco["mode"] == store.flags[1]
    assert disco["register_interval"] == 3_000_000_000
    assert disco["report_interval"] == 10_000_000_000
    assert disco["last_contact"].startswith("20")


def test_who_leads_next_says_so(make_nodes, store):
    nodes = make_nodes(3, *store.flags)
    launch(nodes)
    wait_until_one(nodes)
    old = leader_of(nodes)
    eventually(lambda: says_it_leads(store, old))
    old.kill()
    rest = [node for node in nodes if node is not old]
    eventually(lambda: any(says_it_leads(store, node) for node in rest))
    new = next(node for node in rest if says_it_leads(store, node))
    update = f"updated Leader API address to http://{new.address} due to leadership change"
    eventually(lambda: update in new.log())  # it says so when the other side has answered
    # The old one comes back without asking for anything.
    old.start()
    assert ("preexisting node configuration detected, not registering with discovery service"
            in old.log())
    wait_until_one(nodes)


def test_who_won_the_key_and_was_killed_recognises_itself(make_nodes, store):
    [node] = make_nodes(1, *store.flags)
    node.launch()
    eventually(lambda: "is claimed by this node" in node.log())
    node.kill()
    assert entry_of(store)["id"] == "n1"
    node.start()
    assert "node registered as leader using discovery service" in node.log()
    assert len(node.client.status("store.nodes")) == 1


def test_a_copy_waits_for_a_key(make_nodes, store):
    [copy] = make_nodes(1, *store.flags, "-raft-non-voter")
    copy.launch()
    eventually(lambda: "registering with discovery service" in copy.log())
    [voter] = make_nodes(1, *store.flags)
    voter.start()
    wait_until_one([voter, copy])
    assert copy.client.status("store.raft.voter") is False


def test_a_signal_ends_the_tries_with_a_store(make_nodes, store):
    eventually(lambda: put(store, b'{"id":"gone","addr":"127.0.0.1:1"}'))
    [node] = make_nodes(1, *store.flags)
    node.launch()
    eventually(lambda: "failed to join via node at 127.0.0.1:1" in node.log())
    node.signal(signal.SIGINT)
    assert node.wait(within=5) == 1
    assert "clustering failure: " in node.log().splitlines()[-1]


def put(store, value):
    try:
        store.put(store.key, value)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("mode, config", [("consul-kv", {"address": "127.0.0.1:1"}),
                                          ("etcd-kv", {"endpoints": ["127.0.0.1:1"]})])
def test_a_store_that_cannot_be_reached(make_nodes, mode, config):
    [node] = make_nodes(1, "-disco-mode", mode, "-disco-config", json.dumps(config))
    node.launch()
    eventually(lambda: "failed to get leader: " in node.log())
    assert node.client.status("disco.last_error")
    node.signal(signal.SIGTERM)
    assert node.wait(within=5) == 1
    assert "clustering failure: discovery canceled" in node.log().splitlines()[-1]
