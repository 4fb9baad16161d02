"""How a cluster that lost its majority is made anew from the nodes that are left."""

import json


def peers(*nodes, **more):
    return json.dumps([{"id": name_of(node), "address": node.raft_address, **more}
                       for node in nodes])


def name_of(node):
    return node.flags[node.flags.index("-node-id") + 1]


def forget_to_join(node):
    if "-join" in node.flags:
        at = node.flags.index("-join")
        node.flags = node.flags[:at] + node.flags[at + 2:]


def put(node, text):
    (node.data / "raft" / "peers.json").write_text(text)


def stop_all(nodes):
    for node in nodes:
        if node.process.poll() is None:
            node.kill()


def dump(node):
    return node.client.send("GET", "/db/backup?fmt=sql&noleader").text
