"use strict";

// Backups out of the database, and files into it.

const HOME_AFTER_MS = 10000;
const DATABASE_HEAD = "SQLite format 3\0";

async function saveBackup() {
  const format = byId("format").value;
  const query = [`fmt=${format}`];
  const tables = byId("tables").value.trim();
  if (format === "sql" && tables) query.push(`tables=${encodeURIComponent(tables)}`);
  if (byId("vacuum").checked) query.push("vacuum");
  if (byId("compress").checked) query.push("compress");
  if (byId("from-here").checked) query.push("noleader");
  const content = await (await ask("GET", `/db/backup?${query.join("&")}`)).blob();
  const name = (format === "sql" ? "backup.sql" : "backup.sqlite3") +
    (byId("compress").checked ? ".gz" : "");
  const link = element("a", "", {href: URL.createObjectURL(content), download: name});
  link.click();
  // Some browsers begin to read it only later.
  setTimeout(() => URL.revokeObjectURL(link.href), HOME_AFTER_MS);
}

let chosen = null;
let target = null;

async function choose(file) {
  const button = byId("load").querySelector("button");
  chosen = file ?? null;
  button.disabled = true;
  byId("method").textContent = "";
  if (!chosen) return;
  const head = new TextDecoder("latin1").decode(await chosen.slice(0, 16).arrayBuffer());
  const nodes = (await (await ask("GET", "/nodes?ver=2&nonvoters&timeout=2s")).json()).nodes;
  if (head !== DATABASE_HEAD) {
    target = ["/db/load", "text/plain"];
    byId("method").textContent = `${chosen.name} is SQL text and will be executed.`;
  } else {
    target = [nodes.length === 1 ? "/boot" : "/db/load", "application/octet-stream"];
    byId("method").textContent =
      `${chosen.name} is a database and will replace the one that is there, by ${target[0]}.`;
  }
  button.disabled = false;
}

// fetch() does not tell how far an upload has come.
function upload() {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const began = Date.now();
    const show = (text) => { byId("progress").textContent = text; };
    const clock = setInterval(() => {
      if (request.uploaded) show(`Processing, ${Math.round((Date.now() - began) / 1000)} s`);
    }, 500);
    request.upload.onprogress = (event) =>
      show(`${Math.round(100 * event.loaded / event.total)} % sent`);
    request.upload.onload = () => { request.uploaded = true; };
    request.onloadend = () => {
      clearInterval(clock);
      show("");
      if (request.status !== 200) return reject(new Error(request.responseText || "no answer"));
      const reply = request.responseText ? JSON.parse(request.responseText) : {};
      const error = reply.error ?? reply.results?.find((each) => each.error)?.error;
      if (error) return reject(new Error(error));
      return resolve();
    };
    request.open("POST", target[0]);
    request.setRequestHeader("Content-Type", target[1]);
    request.send(chosen);
  });
}

async function restore() {
  if (byId("load").querySelector("button").disabled || !confirm(`Restore from ${chosen.name}?`)) return;
  byId("progress").textContent = "";
  await upload();
  byId("progress").textContent = "Done.";
  setTimeout(() => { location.hash = "#status"; }, HOME_AFTER_MS);
}

function startFiles() {
  byId("format").addEventListener("change", () => {
    byId("tables").disabled = byId("format").value !== "sql";
    byId("vacuum").disabled = byId("format").value !== "binary";
    if (byId("vacuum").disabled) byId("vacuum").checked = false;
  });
  byId("save").addEventListener("submit", attempt(saveBackup));
  byId("file").addEventListener("change", attempt(() => choose(byId("file").files[0])));
  byId("load").addEventListener("submit", attempt(restore));
  const drop = byId("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.className = "over";
  });
  drop.addEventListener("dragleave", () => { drop.className = ""; });
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.className = "";
    attempt(() => choose(event.dataTransfer.files[0]))();
  });
}
