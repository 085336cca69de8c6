/** A node that stops: requests in flight finish, later ones are refused and say so, connections end, and nothing hangs. */
import test from 'ava'
import { codeOf, HttpEdge, statusOf } from '../model/http-edge.js'

const GET = 'GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n'

async function untilWaiting(edge: HttpEdge): Promise<void> {
  while (edge.database.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
}

test('what is in flight finishes, what comes later is a 503, new connections are refused', async (t) => {
  const edge = await HttpEdge.start()
  const busy = await edge.connect()
  edge.database.paused = true
  busy.write('PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx')
  await untilWaiting(edge)
  const closed = edge.close()
  busy.write(GET)
  await t.throwsAsync(edge.connect())
  edge.database.resume()
  const received = await busy.untilClosed()
  await closed
  t.is(statusOf(received), 204)
  const answers = received.split(/(?=HTTP\/1\.1 )/)
  t.true(answers.length <= 2)
  if (answers.length === 2) t.is(codeOf(answers[1]!), 'NOT_READY')
  t.is(edge.database.seen.length, 1)
})

test('a request on a connection that is kept open for another one is refused with its reason', async (t) => {
  const edge = await HttpEdge.start()
  const half = await edge.connect()
  half.write('GET /v1/kv/b/k HTTP/1.1\r\nHost: local')
  await edge.get('/health/live')
  const closed = edge.close()
  half.write('host\r\n\r\n')
  const received = await half.untilClosed()
  await closed
  t.is(statusOf(received), 503)
  t.is(codeOf(received), 'NOT_READY')
  t.regex(received, /^Connection: close\r$/m)
  t.regex(received, /^Retry-After: \d+\r$/m)
})

test('idle connections, and those on which nothing was ever asked, do not keep it', async (t) => {
  const edge = await HttpEdge.start()
  const silent = await edge.connect()
  const idle = await edge.connect()
  idle.write(GET)
  await idle.until((received) => received.includes('}}'))
  await edge.close()
  await Promise.all([silent.untilClosed(), idle.untilClosed()])
  t.true(silent.closed && idle.closed)
})

test('after the grace the rest is cut, and closing twice is closing once', async (t) => {
  const edge = await HttpEdge.start()
  edge.database.paused = true
  const stuck = await edge.connect()
  stuck.write(GET)
  await untilWaiting(edge)
  await Promise.all([edge.close(50), edge.close(50)])
  t.is(await stuck.untilClosed(), '')
  t.notThrows(() => edge.database.resume())
  await edge.close()
})

test('an edge that never listened closes too; one whose port is taken says so', async (t) => {
  await new HttpEdge().close()
  const first = await HttpEdge.start()
  const second = new HttpEdge()
  await t.throwsAsync(second.api.listen('127.0.0.1', first.port), { code: 'EADDRINUSE' })
  await Promise.all([first.close(), second.close()])
})
