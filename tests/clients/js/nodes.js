'use strict'
// Where the nodes are that with_nodes.py started, and what tests do with them all the time.

const { DataApiClient } = require('rqlite-js')

const open = `http://${process.env.RQLITE_ADDRESS}`
const dead = `http://${process.env.RQLITE_DEAD_ADDRESS}`
const locked = `http://${process.env.RQLITE_LOCKED_ADDRESS}`
const lockedTls = `https://${process.env.RQLITE_TLS_ADDRESS}`

/** A client of the open node. No retries: what fails is to fail at once. */
function client(options = {}) {
  return new DataApiClient(open, options)
}

/** Executes statements; all have to succeed. */
async function must(data, ...statements) {
  const results = await data.execute(statements)
  if (results.hasError()) throw results.getFirstError()
  return results
}

let tables = 0

/** A table that no other test has. */
async function newTable(data, columns) {
  const name = `js${process.pid}_${++tables}`
  await must(data, `CREATE TABLE ${name} (${columns})`)
  return name
}

module.exports = { open, dead, locked, lockedTls, client, must, newTable }
