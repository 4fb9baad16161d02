"use strict";

const REFRESH_MS = 5000;
const SECTIONS = {
  "HTTP": "http", "Cluster": "cluster", "Raft": "store.raft", "SQLite": "store.sqlite3",
  "Store": "store", "Snapshots": "store.snapshots", "OS": "os", "Runtime": "runtime",
};

let nodeStatus = null;
let sortedBy = 0;

function follow(tree, path) {
  return path.split(".").reduce((at, name) => at?.[name], tree);
}

function showFigures() {
  const store = nodeStatus.store;
  const state = store.raft?.state ?? "not open";
  byId("node-id").textContent = store.node_id ?? "";
  const badge = byId("state");
  badge.textContent = state;
  badge.className = `badge ${state === "Leader" ? "good" : state === "Follower" ? "" : "bad"}`;
  const figures = {
    "Node": store.node_id, "Raft state": state, "Leader": store.leader?.addr || "none",
    "Version": nodeStatus.build?.version, "Uptime": nodeStatus.node?.uptime,
    "Directory": store.dir_size_friendly, "API address": nodeStatus.cluster?.api_addr,
    "Raft address": store.addr,
  };
  byId("figures").replaceChildren(...Object.entries(figures).map(([name, value]) => {
    const card = element("div");
    card.append(element("dt", name), element("dd", value ?? ""));
    return card;
  }));
}

// Keeps open what is open.
function showSections() {
  const place = byId("sections");
  for (const [title, path] of Object.entries(SECTIONS)) {
    let section = place.querySelector(`[data-path="${path}"]`);
    if (!section) {
      section = element("details");
      section.dataset.path = path;
      section.append(element("summary", title), element("pre"));
      place.append(section);
    }
    section.lastChild.textContent = JSON.stringify(follow(nodeStatus, path) ?? {}, null, 2);
  }
}

function showNodes(nodes) {
  const columns = ["ID", "API address", "Raft address", "voter", "leader", "reachable"];
  const rows = nodes.map((node) => [node.id, node.api_addr ?? "", node.addr, node.voter,
                                    node.leader, node.reachable]);
  rows.sort((one, other) => String(one[sortedBy]).localeCompare(String(other[sortedBy])));
  const link = (value) => {
    if (!/^https?:\/\//.test(value)) return value;
    return element("a", value, {href: `${value}/console/`});
  };
  const made = table(columns, rows, link);
  made.querySelectorAll("th").forEach((head, column) => {
    head.className = "sortable";
    head.addEventListener("click", () => {
      sortedBy = column;
      showNodes(nodes);
    });
  });
  byId("nodes").replaceChildren(made);
}

async function refreshStatus() {
  nodeStatus = await (await ask("GET", "/status")).json();
  showFigures();
  showSections();
  const nonvoters = byId("nonvoters").checked ? "&nonvoters" : "";
  showNodes((await (await ask("GET", `/nodes?ver=2&timeout=2s${nonvoters}`)).json()).nodes);
}

function startStatus() {
  const refresh = attempt(refreshStatus);
  byId("nonvoters").addEventListener("change", refresh);
  byId("copy-status").addEventListener("click",
                                       attempt(() => copy(JSON.stringify(nodeStatus, null, 2))));
  refresh();
  // Who could not look at it once would be asked for another login each time.
  setInterval(() => {
    if (nodeStatus && (location.hash === "" || location.hash === "#status")) refresh();
  }, REFRESH_MS);
}
