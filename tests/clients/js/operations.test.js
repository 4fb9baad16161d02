'use strict'
// The other clients of rqlite-js: status, backup and load.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { BackupApiClient, StatusApiClient } = require('rqlite-js')
const { open, client, must, newTable } = require('./nodes.js')

async function collect(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Skips the test while the server has no such route; true if it did. */
async function misses(t, path) {
  const { status } = await fetch(open + path, { method: 'HEAD' })
  if (status === 404) t.skip(`the server has no ${path} yet`)
  return status === 404
}

test('the status of a node', async () => {
  const { status, body } = await new StatusApiClient(open).status()
  assert.equal(status, 200)
  assert.equal(body.store.raft.state, 'Leader')
  assert.equal(body.http.bind_addr, process.env.RQLITE_ADDRESS)
})

test('the status of all hosts', async () => {
  const all = await new StatusApiClient([open, open]).statusAllHosts()
  assert.deepEqual(all.map(({ host, response }) => [host, response.status]), [[open, 200], [open, 200]])
})

test('a backup is a SQLite file', async (t) => {
  if (await misses(t, '/db/backup')) return
  const file = await collect(await new BackupApiClient(open).backup())
  assert.equal(file.subarray(0, 15).toString(), 'SQLite format 3')
  assert.equal(file.length % 4096, 0)
})

test('a backup as SQL', async (t) => {
  if (await misses(t, '/db/backup')) return
  const data = client()
  const table = await newTable(data, 'v TEXT')
  await must(data, [`INSERT INTO ${table} VALUES(?)`, "it's ü"])
  const sql = (await collect(await new BackupApiClient(open).backup('sql'))).toString()
  assert.match(sql, /^PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n/)
  assert.ok(sql.includes(`INSERT INTO "${table}" VALUES('it''s ü');`))
  assert.ok(sql.endsWith('COMMIT;\n'))
})

test('SQL text is loaded', async (t) => {
  if (await misses(t, '/db/load')) return
  const data = client()
  const table = `js${process.pid}_loaded`
  const dump = `BEGIN;\nCREATE TABLE ${table} (v TEXT);\nINSERT INTO ${table} VALUES('a;b');\nCOMMIT;\n`
  const reply = await collect(await new BackupApiClient(open).load(dump))
  assert.deepEqual(Object.keys(JSON.parse(reply)), ['results'])
  assert.deepEqual((await data.query(`SELECT v FROM ${table}`)).toArray(), [{ v: 'a;b' }])
})
