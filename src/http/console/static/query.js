"use strict";

const HISTORY_MAX = 20;
const ROWS_SHOWN_MAX = 2000;

let lastResult = null;

function pastStatements() {
  return JSON.parse(localStorage.getItem("history") ?? "[]");
}

function keepStatements(statements) {
  localStorage.setItem("history", JSON.stringify(statements.slice(0, HISTORY_MAX)));
  byId("history").replaceChildren(...statements.slice(0, HISTORY_MAX).map((sql) => {
    const entry = element("li", sql, {title: "Use this again"});
    entry.addEventListener("click", () => { byId("sql").value = sql; });
    return entry;
  }));
}

function showResult(result) {
  const place = byId("result");
  lastResult = result.columns ? result : null;
  byId("copies").hidden = !lastResult;
  if (result.error) {
    place.replaceChildren(element("p", result.error, {className: "error"}));
  } else if (result.columns) {
    const rows = result.values ?? [];
    const shown = table(result.columns, rows.slice(0, ROWS_SHOWN_MAX));
    const more = rows.length - ROWS_SHOWN_MAX;
    place.replaceChildren(shown, element("p", (rows.length === 1 ? "1 row" : `${rows.length} rows`) +
                                              (more > 0 ? `, ${more} of them not shown` : "")));
  } else {
    const affected = `${result.rows_affected ?? 0} rows affected`;
    const id = result.last_insert_id ? `, last insert ID ${result.last_insert_id}` : "";
    place.replaceChildren(element("p", affected + id));
  }
}

async function runQuery() {
  const sql = byId("sql").value.trim();
  if (!sql) return;
  // If this fails as a whole, what the last one gave is not to stand for its result.
  byId("result").replaceChildren();
  byId("took").textContent = "";
  byId("copies").hidden = true;
  const level = byId("level").value;
  let path = "/db/request?timings";
  if (level !== "weak") path += `&level=${level}`;
  const freshness = byId("freshness").value.trim();
  if (level === "none" && freshness) {
    path += `&freshness=${encodeURIComponent(freshness)}`;
    if (byId("strict").checked) path += "&freshness_strict";
  }
  const reply = await results(path, [sql]);
  keepStatements([sql, ...pastStatements().filter((each) => each !== sql)]);
  showResult(reply.results[0] ?? {});
  byId("took").textContent = reply.time ? `${(reply.time * 1000).toFixed(3)} ms` : "";
}

function csv(result) {
  const field = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [result.columns, ...(result.values ?? [])]
    .map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

function startQuery() {
  const run = attempt(runQuery);
  const level = byId("level");
  level.value = localStorage.getItem("level") ?? "weak";
  const choose = () => {
    localStorage.setItem("level", level.value);
    byId("staleness").hidden = level.value !== "none";
  };
  choose();
  level.addEventListener("change", choose);
  byId("ask").addEventListener("submit", run);
  byId("sql").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  byId("copy-csv").addEventListener("click", attempt(() => copy(csv(lastResult))));
  byId("copy-json").addEventListener("click",
                                     attempt(() => copy(JSON.stringify(lastResult, null, 2))));
  byId("clear-history").addEventListener("click", () => keepStatements([]));
  keepStatements(pastStatements());
}
