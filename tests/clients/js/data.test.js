'use strict'
// DataApiClient of rqlite-js: statements and queries.

const { test, describe } = require('node:test')
const assert = require('node:assert/strict')
const http = require('node:http')
const { DataApiClient } = require('rqlite-js')
const { open, dead, locked, lockedTls, client, must, newTable } = require('./nodes.js')

const data = client()
const FOO = 'id INTEGER NOT NULL PRIMARY KEY, name TEXT'

const values = async (sql, options) => (await data.query(sql, options)).toArray()

describe('what its README shows', () => {
  test('create, insert, select and update', async () => {
    const foo = await newTable(data, FOO)
    let results = await data.execute(`INSERT INTO ${foo}(name) VALUES('fiona')`)
    assert.equal(results.hasError(), false)
    const id = results.get(0).getLastInsertId()
    assert.equal(id, 1)
    results = await data.query(`SELECT name FROM ${foo} WHERE id="${id}"`)
    assert.equal(results.get(0).get('name'), 'fiona')
    assert.deepEqual(results.get(0).toObject(), { name: 'fiona' })
    results = await data.execute(`UPDATE ${foo} SET name="justin" WHERE name="fiona"`)
    assert.equal(results.get(0).getRowsAffected(), 1)
    assert.deepEqual(await values(`SELECT name FROM ${foo}`), [{ name: 'justin' }])
  })

  test('a raw response', async () => {
    const foo = await newTable(data, FOO)
    const { status, body } = await data.execute(`INSERT INTO ${foo}(name) VALUES('x')`, { raw: true })
    assert.equal(status, 200)
    assert.deepEqual(body, { results: [{ last_insert_id: 1, rows_affected: 1 }] })
  })

  test('several queries with strong consistency', async () => {
    const foo = await newTable(data, FOO)
    await must(data, `INSERT INTO ${foo}(name) VALUES('fiona')`, `INSERT INTO ${foo}(name) VALUES('test')`)
    const results = await data.query(
      [`SELECT name FROM ${foo} WHERE id="1"`, `SELECT id FROM ${foo} WHERE name="test"`], { level: 'strong' })
    assert.equal(results.get(0).toString(), '{"name":"fiona"}')
    assert.equal(results.get(1).toString(), '{"id":2}')
  })

  test('keep-alive, over one connection', async () => {
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const kept = client({ httpAgent })
    for (let n = 0; n < 20; n++) {
      assert.deepEqual((await kept.query(`SELECT ${n} AS n`)).toArray(), [{ n }])
    }
    assert.equal(Object.values(httpAgent.freeSockets).flat().length, 1)
    httpAgent.destroy()
  })
})

describe('values', () => {
  const kinds = {
    INTEGER: [0, -1, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, null],
    REAL: [0.5, -2.25, 0.1, 1e-7, Number.MAX_VALUE, Number.MIN_VALUE, null],
    TEXT: ['', 'plain', 'it\'s "quoted"', 'back\\slash', 'a\nb\tc', '<b>&amp;</b>', 'ünïcödé', '日本語',
      '😀', '\u2028\u2029', '\u0001\u007f', null],
    BOOLEAN: [true, false, null],
  }
  for (const [kind, all] of Object.entries(kinds)) {
    test(`${kind} comes back as it was`, async () => {
      const table = await newTable(data, `id INTEGER PRIMARY KEY, v ${kind}`)
      await must(data, ...all.map((value) => [`INSERT INTO ${table}(v) VALUES(?)`, value]))
      const rows = await values(`SELECT v FROM ${table} ORDER BY id`)
      assert.deepEqual(rows.map((row) => row.v), all)
    })
  }

  test('an integer beyond 2^53 is exact as text, while JavaScript itself rounds the number', async () => {
    const [row] = await values(
      'SELECT 9007199254740993 AS n, CAST(9007199254740993 AS TEXT) AS s, 9007199254740993 % 10 AS last')
    assert.deepEqual(row, { n: 9007199254740992, s: '9007199254740993', last: 3 })
  })

  test('bytes go in as numbers or hex and come out in base64', async () => {
    const table = await newTable(data, 'v BLOB')
    const bytes = Buffer.from([0, 255, 128])
    await must(data, [`INSERT INTO ${table} VALUES(?)`, [...bytes]],
      [`INSERT INTO ${table} VALUES(?)`, `x'${bytes.toString('hex')}'`])
    const rows = await values(`SELECT v FROM ${table}`)
    assert.deepEqual(rows.map((row) => Buffer.from(row.v, 'base64')), [bytes, bytes])
  })

  test('dates are of RFC 3339, which Date understands', async () => {
    const table = await newTable(data, 'd DATE, t DATETIME, u TIMESTAMP')
    const moment = new Date(Date.UTC(2004, 1, 14, 7, 15, 0, 250))
    await must(data, [`INSERT INTO ${table} VALUES(?, ?, ?)`, '2004-02-14', moment.toISOString(), moment.getTime()])
    const [row] = await values(`SELECT * FROM ${table}`)
    assert.equal(row.d, '2004-02-14T00:00:00Z')
    assert.deepEqual([new Date(row.t), new Date(row.u)], [moment, moment])
  })
})

describe('statements', () => {
  test('parameters by place and by name', async () => {
    const foo = await newTable(data, FOO)
    await must(data, [`INSERT INTO ${foo} VALUES(?, ?)`, 7, 'a'],
      [`INSERT INTO ${foo} VALUES(:id, :name)`, { id: 8, name: 'b' }])
    assert.deepEqual(await values([[`SELECT * FROM ${foo} WHERE id > ? AND name = ?`, 1, 'a']]),
      [{ id: 7, name: 'a' }])
    assert.deepEqual(await values([[`SELECT * FROM ${foo} WHERE name = :n`, { n: 'b' }]]),
      [{ id: 8, name: 'b' }])
  })

  test('what belongs into a URL is escaped there', async () => {
    const text = 'a&b=c;d+e %20 #?/ü😀'
    assert.deepEqual(await values(`SELECT '${text}' AS t`), [{ t: text }])
  })

  test('several rows, and none', async () => {
    const foo = await newTable(data, FOO)
    await must(data, `INSERT INTO ${foo}(name) VALUES('a'), ('b')`)
    assert.deepEqual(await values(`SELECT * FROM ${foo}`), [{ id: 1, name: 'a' }, { id: 2, name: 'b' }])
    assert.deepEqual(await values(`SELECT * FROM ${foo} WHERE id > 2`), [{}])
  })

  test('a large result arrives whole', async () => {
    const rows = await values('WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) ' +
      "SELECT n, 'a text that takes some room, for row ' || n AS t FROM c")
    assert.equal(rows.length, 5000)
    assert.equal(rows[4999].n, 5000)
  })

  test('RETURNING', async () => {
    const foo = await newTable(data, FOO)
    const results = await data.execute(`INSERT INTO ${foo}(name) VALUES('a') RETURNING id, name`)
    assert.deepEqual(results.toArray(), [{ id: 1, name: 'a' }])
  })

  test('timings and pretty', async () => {
    const results = await data.query('SELECT 1 AS one', { timings: true, pretty: true })
    assert.ok(results.getTime() > 0)
    assert.ok(results.get(0).getTime() > 0)
    assert.equal(results.get(0).get('one'), 1)
  })

  for (const level of ['none', 'weak', 'linearizable', 'strong']) {
    test(`level ${level} sees what was written`, async () => {
      const foo = await newTable(data, FOO)
      await must(data, `INSERT INTO ${foo}(name) VALUES('a')`)
      assert.deepEqual(await values(`SELECT name FROM ${foo}`, { level }), [{ name: 'a' }])
    })
  }
})

describe('errors and transactions', () => {
  test('what SQLite says is in the result', async () => {
    const results = await data.query('SELECT * FROM nowhere')
    assert.ok(results.hasError())
    assert.equal(results.getFirstError().message, 'no such table: nowhere')
    assert.equal((await data.execute('bogus')).getFirstError().message, 'near "bogus": syntax error')
  })

  test('without a transaction the others are stored', async () => {
    const foo = await newTable(data, FOO)
    const insert = (id) => `INSERT INTO ${foo}(id) VALUES(${id})`
    const results = await data.execute([insert(1), insert(1), insert(2)])
    assert.equal(results.get(1).message, `UNIQUE constraint failed: ${foo}.id`)
    assert.deepEqual(await values(`SELECT id FROM ${foo}`), [{ id: 1 }, { id: 2 }])
  })

  for (const option of ['transaction', 'atomic']) {
    test(`a failed ${option}`, async () => {
      const foo = await newTable(data, FOO)
      const insert = (id) => `INSERT INTO ${foo}(id) VALUES(${id})`
      const results = await data.execute([insert(1), insert(1), insert(2)], { [option]: true })
      assert.ok(results.hasError())
      const stored = (await values(`SELECT COUNT(*) AS n FROM ${foo}`))[0].n
      // `atomic` is a name that servers knew long ago; what is unknown is ignored.
      assert.equal(stored, option === 'transaction' ? 0 : 2)
    })
  }

  test('a body that is no list of statements', async () => {
    await assert.rejects(data.execute([[]]), (error) => {
      assert.equal(error.response.status, 400)
      assert.equal(error.response.data.trim(), 'invalid request')
      return true
    })
  })

  test('a client that takes no redirects needs none', async () => {
    const { status } = await data.fetch({ uri: '/db/query', query: { q: 'SELECT 1', redirect: true }, maxRedirects: 0 })
    assert.equal(status, 200)
  })

  test('a query that takes too long times out', async () => {
    const q = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1500000) SELECT max(n) FROM c'
    await assert.rejects(data.fetch({ uri: '/db/query', query: { q }, timeout: 20, retries: 0 }),
      { code: 'ECONNABORTED' })
  })

  test('nobody listens', async () => {
    await assert.rejects(new DataApiClient(dead).fetch({ uri: '/db/query', query: { q: 'SELECT 1' }, retries: 0 }),
      { code: 'ECONNREFUSED' })
  })

  test('a host that is down is passed over', async () => {
    const both = new DataApiClient([dead, open])
    assert.deepEqual((await both.query('SELECT 1 AS one', { level: 'none' })).toArray(), [{ one: 1 }])
  })
})

for (const at of [locked, lockedTls]) {
  describe(`a locked node at ${at}`, () => {
    const as = (username, password) => new DataApiClient(at, { authentication: { username, password } })
    const refused = (error) => error.response.status === 401

    test('who has the password may do what is permitted', async () => {
      const mary = as('mary', 'secret2')
      const foo = await newTable(mary, FOO)
      await must(mary, `INSERT INTO ${foo}(name) VALUES('a')`)
      const eve = as('eve', 's3/@ü')
      assert.deepEqual((await eve.query(`SELECT name FROM ${foo}`)).toArray(), [{ name: 'a' }])
      await assert.rejects(eve.execute(`DELETE FROM ${foo}`), refused)
    })

    test('who has not may do nothing', async () => {
      await assert.rejects(as('mary', 'wrong').query('SELECT 1'), refused)
      await assert.rejects(as('nobody', 'secret2').query('SELECT 1'), refused)
      await assert.rejects(new DataApiClient(locked).query('SELECT 1'), refused)
    })
  })
}
