"use strict";

const OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master " +
  "WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";

async function columnsOf(name) {
  const reply = await results("/db/query?associative",
                              [["SELECT * FROM pragma_table_info(?)", name]]);
  return reply.results[0].rows ?? [];
}

async function countOf(name) {
  const reply = await results("/db/query?level=none", [`SELECT COUNT(*) FROM ${quoted(name)}`]);
  return reply.results[0].error ?? reply.results[0].values[0][0];
}

function dropButton(object) {
  const button = element("button", `Drop ${object.type}`, {type: "button"});
  button.addEventListener("click", attempt(async () => {
    if (!confirm(`Drop the ${object.type} ${object.name} for good?`)) return;
    const sql = `DROP ${object.type.toUpperCase()} ${quoted(object.name)}`;
    const reply = await results("/db/execute", [sql]);
    if (reply.results[0].error) throw new Error(reply.results[0].error);
    await refreshSchema();
  }));
  return button;
}

async function describe(object) {
  const made = element("details");
  const summary = element("summary", `${object.type} ${object.name}`);
  made.append(summary);
  if (object.type === "table" || object.type === "view") {
    const columns = await columnsOf(object.name);
    made.append(table(["column", "type", "not null", "default", "primary key"],
                      columns.map((each) => [each.name, each.type, each.notnull ? "yes" : "",
                                             each.dflt_value ?? "", each.pk || ""])));
    if (byId("count-rows").checked) summary.textContent += `, ${await countOf(object.name)} rows`;
  } else {
    summary.textContent += ` on ${object.tbl_name}`;
  }
  if (object.sql) {
    const button = element("button", "Copy", {type: "button"});
    button.addEventListener("click", attempt(() => copy(object.sql)));
    made.append(element("pre", object.sql), button);
  }
  if (object.type === "table" || object.type === "index") made.append(" ", dropButton(object));
  return made;
}

async function refreshSchema() {
  const reply = await results("/db/query?associative", [OBJECTS]);
  if (reply.results[0].error) throw new Error(reply.results[0].error);
  const objects = reply.results[0].rows;
  const made = [];
  for (const type of ["table", "view", "index", "trigger"]) {
    for (const object of objects.filter((each) => each.type === type)) {
      made.push(await describe(object));
    }
  }
  byId("objects").replaceChildren(...(made.length ? made : [element("p", "Nothing yet.")]));
}

function startSchema() {
  const refresh = attempt(refreshSchema);
  byId("refresh-schema").addEventListener("click", refresh);
  byId("count-rows").addEventListener("change", refresh);
  const openAll = (open) => () => {
    for (const each of byId("objects").querySelectorAll("details")) each.open = open;
  };
  byId("expand").addEventListener("click", openAll(true));
  byId("collapse").addEventListener("click", openAll(false));
  return refresh;
}
