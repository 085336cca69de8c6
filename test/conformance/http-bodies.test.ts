/** A body is the same however it arrives: with its head, in pieces, chunked, or while its request still waits for its turn. */
import test from 'ava'
import { HttpEdge, statusOf } from '../model/http-edge.js'

const HEAD = 'HTTP/1.1\r\nHost: localhost\r\n'
const VALUE = 'a value of some bytes'
const WITH_LENGTH = `PUT /v1/kv/b/k ${HEAD}Content-Length: ${VALUE.length}\r\n\r\n${VALUE}`
const CHUNKED = `PUT /v1/kv/b/k ${HEAD}Transfer-Encoding: chunked\r\n\r\n7\r\na value\r\ne;x=y\r\n of some bytes\r\n0\r\nTrailer: t\r\n\r\n`

/** Writes each piece in a turn of its own. */
async function writeApart(edge: HttpEdge, pieces: readonly string[]): Promise<string> {
  const connection = await edge.connect()
  connection.socket.setNoDelay()
  for (const piece of pieces) {
    connection.write(piece)
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
  const received = await connection.until((text) => text.includes('\r\n\r\n'))
  connection.destroy()
  return received
}

for (const [name, request] of [
  ['with a length', WITH_LENGTH],
  ['chunked', CHUNKED],
] as const) {
  test(`a body ${name}, whole, cut at each place, and byte by byte`, async (t) => {
    const edge = await HttpEdge.during(t)
    const path = '/v1/kv/b/k'
    const ways = Array.from({ length: request.length }, (_, cut) => [
      request.slice(0, cut),
      request.slice(cut),
    ])
    for (const pieces of [[request], ...ways.slice(1), [...request]]) {
      t.is(statusOf(await writeApart(edge, pieces)), 204)
      const seen = edge.database.seen.at(-1)!
      t.is('value' in seen ? Buffer.from(seen.value).toString() : undefined, VALUE)
      const { headers } = await edge.get(path)
      await edge.delete(path, { 'rotunda-context': headers['rotunda-context'] as string })
    }
    t.regex((await edge.get('/metrics')).text, /^rotunda_http_request_bytes_in_flight 0$/m)
  })
}

test('a body that is there before its request has its turn', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.paused = true
  const connection = await edge.connect()
  connection.write(`GET /v1/kv/b/k ${HEAD}\r\n${WITH_LENGTH}${CHUNKED}`)
  while (edge.database.waiting < 1) await new Promise((resolve) => setImmediate(resolve))
  edge.database.paused = false
  edge.database.resume()
  const count = (text: string): number => text.split('HTTP/1.1 ').length - 1
  const received = await connection.until((text) => count(text) === 3)
  t.deepEqual(received.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 404', 'HTTP/1.1 204', 'HTTP/1.1 204'])
  connection.destroy()
  const values = edge.database.seen.flatMap((seen) =>
    'value' in seen ? [Buffer.from(seen.value).toString()] : [],
  )
  t.deepEqual(values, [VALUE, VALUE])
})

test('a connection goes on after each of them, for as many as come', async (t) => {
  const edge = await HttpEdge.during(t)
  const connection = await edge.connect()
  const requests = [
    [WITH_LENGTH, 204],
    [`GET /v1/kv/b/none ${HEAD}\r\n`, 404],
    [CHUNKED, 204],
    [`DELETE /v1/kv/b/k ${HEAD}\r\n`, 204],
  ] as const
  for (let round = 0; round < 5; round++) {
    for (const [request, status] of requests) {
      connection.received = ''
      connection.write(request)
      const received = await connection.until((text) => text.endsWith('}') || text.endsWith('\r\n\r\n'))
      t.is(statusOf(received), status)
      t.regex(received, /^Connection: keep-alive\r$/m)
    }
  }
  connection.destroy()
})
