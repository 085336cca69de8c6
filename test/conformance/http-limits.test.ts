/** Each limit of the HTTP edge, at itself and one beyond; what is refused for it, when, and what that leaves behind. One after the other: they fill memory. */
import test, { type ExecutionContext } from 'ava'
import type { EdgeBounds } from '../../src/api/api.js'
import { limits } from '../../src/limits.js'
import { codeOf, HttpEdge, statusOf } from '../model/http-edge.js'

const MiB = 1024 * 1024

async function withEdge(
  t: ExecutionContext,
  bounds: Partial<EdgeBounds>,
  work: (edge: HttpEdge) => Promise<void>,
): Promise<void> {
  const edge = await HttpEdge.during(t, { bounds })
  await work(edge)
  t.deepEqual(edge.log, [])
}

/** A gauge of /metrics. */
async function gauge(edge: HttpEdge, name: string): Promise<number> {
  const { text } = await edge.get('/metrics')
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

async function untilWaiting(edge: HttpEdge, requests: number): Promise<void> {
  while (edge.database.waiting < requests) await new Promise((resolve) => setImmediate(resolve))
}

test.serial('values: the largest is taken, one byte more is a 413 that writes nothing', async (t) => {
  await withEdge(t, {}, async (edge) => {
    const largest = Buffer.alloc(MiB, 'v')
    const larger = Buffer.alloc(MiB + 1, 'v')
    t.is((await edge.put('/v1/kv/b/k', largest)).status, 204)
    t.deepEqual((await edge.get('/v1/kv/b/k')).body, largest)
    const refused = await edge.put('/v1/kv/b/other', larger)
    t.is(refused.status, 413)
    t.like(refused.json.error, { code: 'TOO_LARGE', limitBytes: MiB, gotBytes: MiB + 1 })
    t.is((await edge.send('PUT', '/v1/kv/b/chunked', { chunks: [largest] })).status, 204)
    const chunked = await edge.send('PUT', '/v1/kv/b/other', { chunks: [largest, 'v'] })
    t.is(chunked.json.error.code, 'TOO_LARGE')
    t.is((await edge.get('/v1/kv/b/other')).headers['rotunda-context'], undefined)
    t.is(await gauge(edge, 'rotunda_http_request_bytes_in_flight'), 0)
  })
})

test.serial('the largest value is configurable', async (t) => {
  const edge = await HttpEdge.during(t, { valueBytes: 10 })
  t.is((await edge.put('/v1/kv/b/k', 'x'.repeat(10))).status, 204)
  t.is((await edge.put('/v1/kv/b/k', 'x'.repeat(11))).json.error.limitBytes, 10)
})

test.serial('siblings: 8 MiB of them are taken, one byte more is a 409', async (t) => {
  await withEdge(t, {}, async (edge) => {
    for (let number = 0; number < 8; number++)
      t.is((await edge.put('/v1/kv/b/k', Buffer.alloc(MiB, number))).status, 204)
    t.is((await edge.put('/v1/kv/b/k', '')).status, 204)
    t.is((await edge.put('/v1/kv/b/k', 'x')).json.error.code, 'TOO_MANY_SIBLINGS')
    t.is((await edge.get('/v1/kv/b/k')).json.versions.length, 9)
  })
})

test.serial('operation ids: 64 characters, not 65, not none, not blank ones', async (t) => {
  await withEdge(t, {}, async (edge) => {
    const put = (operation: string) => edge.put('/v1/kv/b/k', 'x', { 'rotunda-operation': operation })
    t.is((await put('o'.repeat(64))).status, 204)
    t.is((await put('!')).status, 204)
    t.is((await put('~')).status, 204)
    for (const bad of ['o'.repeat(65), '', 'two words', 'tab\there', '\xe9'])
      t.is((await put(bad)).json.error.code, 'BAD_PARAM', bad)
    t.is((await edge.delete('/v1/kv/b/k', { 'rotunda-operation': 'o'.repeat(65) })).status, 400)
    t.is((await edge.delete('/v1/kv/b/k', { 'rotunda-operation': 'o'.repeat(63) })).status, 204)
  })
})

test.serial('attributes: 8 KiB of type, encoding and meta together, as they are kept', async (t) => {
  await withEdge(t, {}, async (edge) => {
    // One byte of version, four lengths (one of them two bytes long), the name "m".
    const room = limits.attributesBytes - 1 - 5 - 1
    const put = (bytes: number) => edge.put('/v1/kv/b/k', 'x', { 'rotunda-meta-m': 'v'.repeat(bytes) })
    t.is((await put(room)).status, 204)
    t.is((await edge.get('/v1/kv/b/k')).headers['rotunda-meta-m'], 'v'.repeat(room))
    const refused = await put(room + 1)
    t.is(refused.status, 431)
    t.like(refused.json.error, {
      code: 'HEADERS_TOO_LARGE',
      limitBytes: limits.attributesBytes,
      gotBytes: limits.attributesBytes + 1,
    })
    const typed = await edge.put('/v1/kv/b/k', 'x', { 'content-type': 'x'.repeat(limits.attributesBytes) })
    t.is(typed.status, 431)
    t.is((await edge.put('/v1/kv/b/k', 'x', { 'rotunda-meta-': 'nameless' })).json.error.code, 'BAD_PARAM')
  })
})

test.serial('targets: 8 KiB, not one byte more', async (t) => {
  await withEdge(t, {}, async (edge) => {
    const path = '/v1/kv/b/'
    const longest = path + 'k'.repeat(limits.targetBytes - path.length)
    t.is((await edge.get(longest)).json.error.code, 'BAD_KEY')
    const longer = await edge.get(`${longest}k`)
    t.is(longer.status, 414)
    t.is(longer.json.error.code, 'URI_TOO_LONG')
    t.is((await edge.get(`/nowhere?${'x'.repeat(limits.targetBytes)}`)).status, 414)
  })
})

test.serial(
  'heads: 64 KiB, not one byte more; far beyond it the parser refuses, in JSON as well',
  async (t) => {
    await withEdge(t, {}, async (edge) => {
      const head = (bytes: number): string => {
        const start = 'GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nFiller: '
        return `${start}${'f'.repeat(bytes - start.length - 4)}\r\n\r\n`
      }
      t.is(head(limits.headBytes).length, 65_536)
      t.is(codeOf(await edge.exchangeBytes(head(limits.headBytes))), 'NOT_FOUND')
      for (const bytes of [
        limits.headBytes + 1,
        limits.headBytes + 100,
        limits.headBytes * 2,
        limits.headBytes * 20,
      ]) {
        const refused = await edge.exchangeBytes(head(bytes))
        t.is(statusOf(refused), 431, `${bytes}`)
        t.is(codeOf(refused), 'HEADERS_TOO_LARGE')
      }
      const many = `GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${'a:b\r\n'.repeat(9000)}If-Match: *\r\n\r\n`
      t.is(codeOf(await edge.exchangeBytes(many)), 'BAD_PARAM')
    })
  },
)

test.serial(
  'requests in flight: the one beyond is shed before its body is read, and reaches no database',
  async (t) => {
    await withEdge(t, { requestsInFlight: 2 }, async (edge) => {
      edge.database.paused = true
      const taken = [edge.put('/v1/kv/b/1', 'x'), edge.get('/v1/kv/b/2')]
      await untilWaiting(edge, 2)
      for (const shed of [
        await edge.put('/v1/kv/b/3', 'x'),
        await edge.get('/v1/kv/b/3'),
        await edge.delete('/v1/kv/b/3'),
        await edge.get('/v1/kv/b'),
        await edge.get('/v1/explain/b/k'),
      ]) {
        t.is(shed.status, 503)
        t.is(shed.json.error.code, 'OVERLOADED')
        t.regex(String(shed.headers['retry-after']), /^[1-9]\d*$/)
      }
      t.is(edge.database.seen.length, 2)
      t.is((await edge.get('/health/live')).status, 200)
      edge.database.resume()
      t.deepEqual(
        (await Promise.all(taken)).map(({ status }) => status),
        [204, 404],
      )
      t.is((await edge.put('/v1/kv/b/3', 'x')).status, 204)
      t.is(await gauge(edge, 'rotunda_http_requests_in_flight'), 0)
    })
  },
)

test.serial('a body that is still coming holds its place; one that breaks off gives it back', async (t) => {
  await withEdge(t, { requestsInFlight: 1 }, async (edge) => {
    const connection = await edge.connect()
    connection.write('PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345')
    while ((await gauge(edge, 'rotunda_http_request_bytes_in_flight')) !== 5);
    t.is((await edge.put('/v1/kv/b/k', 'x')).json.error.code, 'OVERLOADED')
    connection.destroy()
    while ((await gauge(edge, 'rotunda_http_requests_in_flight')) !== 0);
    t.is(await gauge(edge, 'rotunda_http_request_bytes_in_flight'), 0)
    t.is((await edge.put('/v1/kv/b/k', 'x')).status, 204)
    t.is(edge.database.seen.length, 1)
  })
})

test.serial('bytes of bodies in flight: what fits is taken, one byte more is shed', async (t) => {
  await withEdge(t, { requestBytesInFlight: 1000 }, async (edge) => {
    edge.database.paused = true
    const taken = [edge.put('/v1/kv/b/1', 'x'.repeat(600))]
    await untilWaiting(edge, 1)
    t.is((await edge.put('/v1/kv/b/2', 'x'.repeat(401))).json.error.code, 'OVERLOADED')
    t.is((await edge.send('PUT', '/v1/kv/b/2', { chunks: ['x'.repeat(401)] })).json.error.code, 'OVERLOADED')
    taken.push(edge.put('/v1/kv/b/2', 'x'.repeat(400)))
    await untilWaiting(edge, 2)
    edge.database.resume()
    t.deepEqual(
      (await Promise.all(taken)).map(({ status }) => status),
      [204, 204],
    )
    t.is(await gauge(edge, 'rotunda_http_request_bytes_in_flight'), 0)
  })
})

test.serial(
  'large answers that nobody takes are counted, and the next one is shed until they are gone',
  async (t) => {
    await withEdge(t, { responseBytesInFlight: 12 * MiB }, async (edge) => {
      for (let number = 0; number < 8; number++) await edge.put('/v1/kv/b/k', Buffer.alloc(MiB, number))
      const slow = await edge.connect()
      slow.socket.pause()
      slow.write('GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n')
      while ((await gauge(edge, 'rotunda_http_response_bytes_in_flight')) < 8 * MiB);
      t.is((await edge.get('/v1/kv/b/k')).json.error.code, 'OVERLOADED')
      const put = await edge.put('/v1/kv/b/k?return=body', '')
      t.is(put.status, 204)
      t.truthy(put.headers['rotunda-context'])
      slow.destroy()
      while ((await gauge(edge, 'rotunda_http_response_bytes_in_flight')) !== 0);
      t.is((await edge.get('/v1/kv/b/k')).status, 300)
    })
  },
)

test.serial(
  'connections: the one beyond is closed at once, and there is room again when one goes',
  async (t) => {
    await withEdge(t, { clientConnections: 2 }, async (edge) => {
      const first = await edge.connect()
      const second = await edge.connect()
      const ask = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n'
      for (const connection of [first, second]) {
        connection.write(ask)
        await connection.until((received) => received.includes('{"live":true}'))
      }
      const third = await edge.connect()
      third.write(ask)
      t.is(await third.untilClosed(), '')
      first.destroy()
      let answer = ''
      while (answer === '') {
        const fourth = await edge.connect()
        fourth.write(ask)
        answer = await fourth.until((received) => received.includes('{"live":true}'))
        fourth.destroy()
      }
      t.is(statusOf(answer), 200)
      second.destroy()
    })
  },
)

const HASTY = { headTimeoutMs: 500, requestTimeoutMs: 1000, requestTimeoutCheckMs: 20 }

test.serial('a head that does not come, or only drop by drop, is a 408 and the end', async (t) => {
  await withEdge(t, HASTY, async (edge) => {
    for (const start of [
      'GET /v1/kv/b/k HTTP/1.1\r\nHost: loc',
      'G',
      'PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n',
    ]) {
      const answer = await edge.exchangeBytes(start)
      t.is(statusOf(answer), 408, start)
      t.is(codeOf(answer), 'REQUEST_TIMEOUT')
    }
  })
})

test.serial('a body that does not come is a 408, the end, and never a write', async (t) => {
  await withEdge(t, HASTY, async (edge) => {
    for (const framing of [
      'Content-Length: 10\r\n\r\n12345',
      'Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n',
    ]) {
      const answer = await edge.exchangeBytes(`PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n${framing}`)
      t.is(statusOf(answer), 408, framing)
      t.is(codeOf(answer), 'REQUEST_TIMEOUT')
      t.regex(answer, /^Connection: close\r$/m)
    }
    t.is(edge.database.seen.length, 0)
    t.is(await gauge(edge, 'rotunda_http_request_bytes_in_flight'), 0)
    t.is(await gauge(edge, 'rotunda_http_requests_in_flight'), 0)
  })
})

test.serial('a connection without requests is closed after its time', async (t) => {
  await withEdge(t, { keepAliveMs: 50 }, async (edge) => {
    const connection = await edge.connect()
    connection.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.is(statusOf(await connection.untilClosed()), 200)
  })
})

test.serial('a connection on which nothing moves is closed, a waiting reader’s too', async (t) => {
  await withEdge(t, { idleSocketMs: 500 }, async (edge) => {
    t.is(statusOf(await edge.exchangeBytes('')), Number.NaN)
    edge.database.paused = true
    const waiting = await edge.connect()
    waiting.write('GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n')
    t.is(await waiting.untilClosed(), '')
    edge.database.resume()
    t.is((await edge.get('/v1/kv/b/k')).status, 404)
  })
})
