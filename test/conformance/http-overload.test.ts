/** A node with more clients than it can serve: who is refused, when, with what words, and what that leaves behind. */
import test from 'ava'
import { codeOf, HttpEdge, type RawConnection, statusOf } from '../model/http-edge.js'

const HELD = 'rotunda_http_connections_waiting'

async function untilWaiting(edge: HttpEdge, requests: number): Promise<void> {
  while (edge.database.waiting < requests) await new Promise((resolve) => setImmediate(resolve))
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The next answer on a connection that is there already; its body has been awaited by `end`. */
async function ask(connection: RawConnection, bytes: string, end: string): Promise<string> {
  connection.received = ''
  connection.write(bytes)
  return connection.until((received) => received.includes(end))
}

const metrics = (connection: RawConnection): Promise<string> =>
  ask(connection, 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', 'rotunda_node_info{')

test.serial(
  'what is shed is refused by its head, before any of its body was sent, and changes nothing',
  async (t) => {
    const edge = await HttpEdge.during(t)
    const { database } = edge
    t.is((await edge.put('/v1/kv/b/k', 'before')).status, 204)
    const connections = [await edge.connect(), await edge.connect(), await edge.connect()] as const
    database.requestLimit = 1
    database.paused = true
    connections[0].write('GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await untilWaiting(edge, 1)
    const head = 'PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n'
    const refused = await ask(connections[1], head, '}}')
    t.is(statusOf(refused), 503)
    t.is(codeOf(refused), 'OVERLOADED')
    t.regex(refused, /\r\nRetry-After: 7\r\n/)
    for (const method of ['GET', 'DELETE']) {
      const other = await ask(
        connections[2],
        `${method} /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n`,
        '}}',
      )
      t.is(codeOf(other), 'OVERLOADED', method)
    }
    t.is(database.shed, 3)
    t.is(database.seen.length, 2)
    database.resume()
    database.requestLimit = 10
    // The rest of the refused body is thrown away, and its connection goes on.
    connections[1].write('after!')
    const later = await ask(connections[1], 'GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n', 'before')
    t.is(statusOf(later), 200)
    t.deepEqual(edge.log, [])
  },
)

test.serial('pages about the node are not shed', async (t) => {
  const edge = await HttpEdge.during(t, { bounds: { connectionPatienceMs: 0 } })
  edge.database.requestLimit = 0
  t.is((await edge.get('/v1/kv/b/k')).json.error.code, 'OVERLOADED')
  for (const path of ['/health/live', '/health/ready', '/metrics', '/v1/cluster'])
    t.is((await edge.get(path)).status, 200, path)
})

test.serial('a body that comes slowly holds no place', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.requestLimit = 1
  const slow = await edge.connect()
  slow.write('PUT /v1/kv/b/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345')
  await sleep(50)
  t.is((await edge.put('/v1/kv/b/k', 'x')).status, 204)
  slow.write('67890')
  t.is(statusOf(await slow.until((received) => received.includes('\r\n\r\n'))), 204)
  t.is((await edge.get('/v1/kv/b/slow')).text, '1234567890')
})

test.serial(
  'while there is no place a new connection waits unread, and is read when there is one',
  async (t) => {
    const edge = await HttpEdge.during(t, { bounds: { connectionPatienceMs: 60_000 } })
    const { database } = edge
    const [busy, watching] = [await edge.connect(), await edge.connect()]
    database.requestLimit = 1
    database.paused = true
    busy.write('GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await untilWaiting(edge, 1)
    const late = [await edge.connect(), await edge.connect()]
    for (const connection of late) connection.write('GET /v1/kv/b/late HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await sleep(200)
    t.true((await metrics(watching)).includes(`${HELD} 2\n`))
    t.is(database.seen.length, 1)
    t.is(database.shed, 0)
    database.resume()
    for (const connection of late) {
      t.is(statusOf(await connection.until((received) => received.includes('}}'))), 404)
      t.is(codeOf(connection.received), 'NOT_FOUND')
    }
    t.true((await metrics(watching)).includes(`${HELD} 0\n`))
  },
)

test.serial('nobody waits unread for longer than a moment: then they are told', async (t) => {
  const edge = await HttpEdge.during(t, { bounds: { connectionPatienceMs: 100 } })
  const { database } = edge
  database.requestLimit = 1
  database.paused = true
  const busy = edge.get('/v1/kv/b/k')
  await untilWaiting(edge, 1)
  const startMs = performance.now()
  const many = await Promise.all(Array.from({ length: 150 }, () => edge.get('/v1/kv/b/late')))
  t.true(performance.now() - startMs >= 100)
  t.true(many.every(({ status, json }) => status === 503 && json.error.code === 'OVERLOADED'))
  database.resume()
  t.is((await busy).status, 404)
})

test.serial('a connection that ends while it waits is forgotten, and a closing edge reads all', async (t) => {
  const edge = await HttpEdge.during(t, { bounds: { connectionPatienceMs: 60_000 } })
  const { database } = edge
  database.requestLimit = 1
  database.paused = true
  const busy = edge.get('/v1/kv/b/k')
  await untilWaiting(edge, 1)
  const gone = await edge.connect()
  const stays = await edge.connect()
  stays.write('GET /v1/kv/b/late HTTP/1.1\r\nHost: localhost\r\n\r\n')
  gone.destroy()
  await sleep(50)
  const closed = edge.close(5_000)
  await sleep(100)
  database.resume()
  t.is((await busy).status, 404)
  t.is(codeOf(await stays.untilClosed()), 'NOT_READY')
  await closed
})
