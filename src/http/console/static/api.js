"use strict";

// The server, and what the pages share. Text from the database only ever becomes text here, never
// markup.

const byId = (id) => document.getElementById(id);

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  Object.assign(made, attributes);
  return made;
}

function complain(error) {
  const place = byId("trouble");
  place.hidden = !error;
  place.textContent = error ? String(error.message ?? error) : "";
}

// Runs what a click or a timer asks for; what goes wrong is shown.
function attempt(work) {
  return async (event) => {
    if (event?.type === "submit") event.preventDefault();
    try {
      complain(null);
      await work(event);
    } catch (error) {
      complain(error);
    }
  };
}

// A body is JSON, and has to say so: for a browser it is text, which the server would take for SQL.
async function ask(method, path, body) {
  const headers = body === undefined ? {} : {"Content-Type": "application/json"};
  const reply = await fetch(path, {method, headers, body});
  if (reply.status === 401) throw new Error(`${path}: this user has no permission for that`);
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
  return reply;
}

// JSON, but with integers that a number here could not hold as text, so that no digit is lost.
function parseExactly(text) {
  const kept = text.replace(/"(?:[^"\\]|\\.)*"|(?<![\d.])-?\d{16,}(?![\d.eE])/g, (token) =>
    token[0] === '"' || Number.isSafeInteger(Number(token)) ? token : `"${token}"`);
  return JSON.parse(kept);
}

// The results of statements; an error of the whole request is thrown.
async function results(path, statements) {
  const reply = parseExactly(await (await ask("POST", path, JSON.stringify(statements))).text());
  if (reply.error) throw new Error(reply.error);
  return reply;
}

function table(columns, rows, show = (value) => value) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const column of columns) head.append(element("th", column));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      const shown = show(value);
      if (shown instanceof Node) {
        cell.append(shown);
      } else if (shown === null || shown === undefined) {
        cell.textContent = "NULL";
        cell.className = "null";
      } else {
        cell.textContent = String(shown);
      }
    }
  }
  return made;
}

// A page that came in clear from another machine has no clipboard, but can copy what is selected.
function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const place = element("textarea", text);
  document.body.append(place);
  place.select();
  const done = document.execCommand("copy");
  place.remove();
  if (!done) throw new Error("this browser does not let a page copy");
  return undefined;
}

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
