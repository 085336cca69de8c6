/** What no well-meaning client sends. Every answer is JSON, none is believed to belong to another request, and nothing ends the process. */
import test from 'ava'
import fc from 'fast-check'
import { codeOf, HttpEdge, statusOf } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

const HEAD = 'HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
const CHUNKED = `PUT /v1/kv/b/k ${HEAD}Transfer-Encoding: chunked\r\n`

function jsonBody(received: string): { error: { code: string; message: string } } {
  return JSON.parse(received.slice(received.indexOf('\r\n\r\n') + 4))
}

const REFUSED: readonly [name: string, bytes: string, status: number, code: string][] = [
  ['no HTTP at all', 'hello\r\n\r\n', 400, 'BAD_REQUEST'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, 'BAD_REQUEST'],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'BAD_REQUEST'],
  ['another version', `GET /v1/kv/b/k ${HEAD.replace('1.1', '2.0')}\r\n`, 400, 'BAD_REQUEST'],
  ['an old version', `GET /v1/kv/b/k ${HEAD.replace('1.1', '0.9')}\r\n`, 400, 'BAD_REQUEST'],
  ['an unknown method', `FROB /v1/kv/b/k ${HEAD}\r\n`, 400, 'BAD_REQUEST'],
  ['a raw space in the path', `GET /v1/kv/b/a b ${HEAD}\r\n`, 400, 'BAD_REQUEST'],
  ['raw UTF-8 in the path', `GET /v1/kv/b/\xc3\xa9 ${HEAD}\r\n`, 400, 'BAD_KEY'],
  ['a control character in the path', `GET /v1/kv/b/a\x01b ${HEAD}\r\n`, 400, 'BAD_KEY'],
  ['a fragment', `GET /v1/kv/b/k#f ${HEAD}\r\n`, 400, 'BAD_KEY'],
  ['bare line feeds', 'GET /v1/kv/b/k HTTP/1.1\nHost: localhost\n\n', 400, 'BAD_REQUEST'],
  ['a space before the colon', `GET /v1/kv/b/k ${HEAD}X : y\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['a folded header', `GET /v1/kv/b/k ${HEAD}X: y\r\n  z\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['a NUL in a header', `GET /v1/kv/b/k ${HEAD}X: \0\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['a header without a name', `GET /v1/kv/b/k ${HEAD}: y\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['no Host', 'GET /v1/kv/b/k HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'BAD_REQUEST'],
  ['two Hosts', `GET /v1/kv/b/k ${HEAD}Host: localhost\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['two Hosts, the first one good', `GET /v1/kv/b/k ${HEAD}hOST: evil.com\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['length and chunked', `${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n`, 400, 'BAD_REQUEST'],
  [
    'chunked and length',
    `PUT /v1/kv/b/k ${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
  ],
  [
    'two lengths',
    `PUT /v1/kv/b/k ${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`,
    400,
    'BAD_REQUEST',
  ],
  [
    'the same length twice',
    `PUT /v1/kv/b/k ${HEAD}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    400,
    'BAD_REQUEST',
  ],
  ['a list of lengths', `PUT /v1/kv/b/k ${HEAD}Content-Length: 1, 1\r\n\r\nx`, 400, 'BAD_REQUEST'],
  ['a signed length', `PUT /v1/kv/b/k ${HEAD}Content-Length: +1\r\n\r\nx`, 400, 'BAD_REQUEST'],
  ['a negative length', `PUT /v1/kv/b/k ${HEAD}Content-Length: -1\r\n\r\nx`, 400, 'BAD_REQUEST'],
  ['a hexadecimal length', `PUT /v1/kv/b/k ${HEAD}Content-Length: 0x1\r\n\r\nx`, 400, 'BAD_REQUEST'],
  [
    'an endless length',
    `PUT /v1/kv/b/k ${HEAD}Content-Length: 99999999999999999999999\r\n\r\nx`,
    400,
    'BAD_REQUEST',
  ],
  [
    'a length beyond 2^53',
    `PUT /v1/kv/b/k ${HEAD}Content-Length: 9007199254740993\r\n\r\n`,
    413,
    'TOO_LARGE',
  ],
  [
    'another coding before chunked',
    `PUT /v1/kv/b/k ${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
  ],
  [
    'another coding after chunked',
    `PUT /v1/kv/b/k ${HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
  ],
  [
    'an unknown coding',
    `PUT /v1/kv/b/k ${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
  ],
  ['a chunk without a size', `${CHUNKED}\r\nzz\r\n`, 400, 'BAD_REQUEST'],
  ['a chunk longer than its size', `${CHUNKED}\r\n1\r\nxxxx\r\n0\r\n\r\n`, 400, 'BAD_REQUEST'],
  ['a chunk of an endless size', `${CHUNKED}\r\nfffffffffffffffffff\r\nx`, 400, 'BAD_REQUEST'],
  [
    'chunk extensions without end',
    `${CHUNKED}\r\n1;${'e'.repeat(100_000)}\r\nx\r\n0\r\n\r\n`,
    400,
    'BAD_REQUEST',
  ],
  [
    'two types',
    `PUT /v1/kv/b/k ${HEAD}Content-Type: text/plain\r\nContent-Length: 1\r\ncontent-type: text/html\r\n\r\nx`,
    400,
    'BAD_REQUEST',
  ],
  ['neither length nor chunked', `PUT /v1/kv/b/k ${HEAD}\r\n`, 411, 'LENGTH_REQUIRED'],
  [
    'neither, and an old version',
    'PUT /v1/kv/b/k HTTP/1.0\r\nHost: localhost\r\n\r\n',
    411,
    'LENGTH_REQUIRED',
  ],
  [
    'an expectation',
    `PUT /v1/kv/b/k ${HEAD}Expect: 200-maybe\r\nContent-Length: 1\r\n\r\nx`,
    417,
    'EXPECTATION_FAILED',
  ],
  ['a tunnel', `CONNECT localhost:80 ${HEAD}\r\n`, 400, 'BAD_REQUEST'],
  ['the star', `OPTIONS * ${HEAD}\r\n`, 404, 'NOT_FOUND'],
]

for (const [name, bytes, status, code] of REFUSED) {
  test(`${name}: ${status} ${code}`, async (t) => {
    const received = await edge.exchangeBytes(bytes)
    t.is(statusOf(received), status, received.slice(0, 200))
    t.is(jsonBody(received).error.code, code)
    t.regex(received, /^Content-Type: application\/json\r$/m)
    t.regex(received, /^X-Content-Type-Options: nosniff\r$/m)
    t.regex(received, /^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r$/m)
    t.is(received.match(/^HTTP\/1\.1 \d/gm)?.length, 1)
  })
}

test('an upgrade that nobody offers is an ordinary request', async (t) => {
  const received = await edge.exchangeBytes(
    `GET /health/live ${HEAD.replace('close', 'upgrade, close')}Upgrade: websocket\r\n\r\n`,
  )
  t.is(statusOf(received), 200)
})

test('HTTP/1.0 with a Host is served, and the connection closed', async (t) => {
  const received = await edge.exchangeBytes('GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n')
  t.is(statusOf(received), 200)
  t.true(received.endsWith('{"live":true}'))
})

test('none of it has reached the database, nor been logged as a bug', async (t) => {
  const own = await HttpEdge.during(t)
  await Promise.all(REFUSED.map(([, bytes]) => own.exchangeBytes(bytes)))
  t.deepEqual(own.database.seen, [])
  t.deepEqual(own.log, [])
})

test('garbage behind a request that is being worked on does not answer for it', async (t) => {
  const own = await HttpEdge.during(t)
  own.database.paused = true
  const connection = await own.connect()
  connection.write('PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx')
  while (own.database.waiting === 0) await new Promise((resolve) => setImmediate(resolve))
  connection.write('\0\0garbage\r\n\r\n')
  while ((await own.get('/metrics')).text.includes('rotunda_http_malformed_total 0'));
  connection.write('more of it')
  t.is(connection.received, '')
  own.database.resume()
  const received = await connection.untilClosed()
  t.is(statusOf(received), 204)
  t.regex(received, /^Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT\r$/m)
  t.is(received.match(/^HTTP\/1\.1 \d/gm)?.length, 1)
  t.regex(received, /^Connection: close\r$/m)
  t.is((await own.get('/v1/kv/b/k')).text, 'x')
})

test('requests in a row on one connection are answered in their order', async (t) => {
  const own = await HttpEdge.during(t)
  const put = (value: string): string =>
    `PUT /v1/kv/b/${value} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${value.length}\r\n\r\n${value}`
  const get = (key: string): string => `GET /v1/kv/b/${key} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const last = `GET /health/live ${HEAD}\r\n`
  const received = await own.exchangeBytes(
    `${put('one')}${put('twenty')}${get('absent')}${get('%ff')}${last}`,
  )
  t.deepEqual(
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['204', '204', '404', '400', '200'],
  )
  t.is((await own.get('/v1/kv/b/twenty')).text, 'twenty')
})

test('a refused body of known length is thrown away, and the connection goes on', async (t) => {
  const connection = await edge.connect()
  const body = Buffer.alloc(2 * 1024 * 1024, 'v')
  connection.write(`PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`)
  connection.write(body)
  connection.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const received = await connection.untilClosed()
  t.deepEqual(
    [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]),
    ['413', '200'],
  )
})

test('a refused body without end is cut off, after its answer', async (t) => {
  const own = await HttpEdge.during(t, { bounds: { lingerBytes: 1 << 20 } })
  for (const framing of ['Content-Length: 99999999999', 'Transfer-Encoding: chunked']) {
    const connection = await own.connect()
    connection.write(`PUT /v1/kv/b/%ff HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n`)
    const block = Buffer.alloc(65_536, 'v')
    const piece = framing.startsWith('T')
      ? Buffer.concat([Buffer.from('10000\r\n'), block, Buffer.from('\r\n')])
      : block
    while (!connection.closed) {
      if (connection.socket.writableLength < 1 << 20) connection.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.is(statusOf(connection.received), 400)
    t.is(codeOf(connection.received), 'BAD_KEY')
    t.regex(connection.received, /^Connection: close\r$/m)
  }
})

test('a refused body that stops coming is given up', async (t) => {
  const own = await HttpEdge.during(t, { bounds: { lingerMs: 50 } })
  const received = await own.exchangeBytes(
    'PUT /v1/kv/b/%ff HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123',
  )
  t.is(codeOf(received), 'BAD_KEY')
})

test('100-continue: asked for only when the body will be taken', async (t) => {
  const expect = (length: number): string =>
    `PUT /v1/kv/b/k ${HEAD}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
  const connection = await edge.connect()
  connection.write(expect(5))
  await connection.until((received) => received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  connection.write('hello')
  t.regex(await connection.untilClosed(), /\r\n\r\nHTTP\/1\.1 204 /)
  const refused = await edge.exchangeBytes(expect(5_000_000))
  t.is(statusOf(refused), 413)
  t.false(refused.includes('100 Continue'))
})

test('a client that goes away while it is worked on harms nobody', async (t) => {
  const own = await HttpEdge.during(t)
  own.database.paused = true
  const gone = [
    'PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx',
    'GET /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'DELETE /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /v1/kv/b HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /v1/explain/b/k HTTP/1.1\r\nHost: localhost\r\n\r\n',
  ]
  const connections = await Promise.all(gone.map(() => own.connect()))
  for (const [number, connection] of connections.entries()) connection.write(gone[number]!)
  while (own.database.waiting < gone.length) await new Promise((resolve) => setImmediate(resolve))
  for (const connection of connections) connection.socket.resetAndDestroy()
  await own.get('/health/live')
  own.database.resume()
  t.is((await own.put('/v1/kv/b/k', 'again')).status, 204)
  t.regex((await own.get('/metrics')).text, /^rotunda_http_requests_in_flight 0$/m)
  t.deepEqual(own.log, [])
})

const VALID = [
  'PUT /v1/kv/b/k HTTP/1.1\r\nHost: localhost\r\nContent-Type: a/b\r\nRotunda-Meta-x: y\r\nContent-Length: 5\r\n\r\nhello',
  'PUT /v1/kv/b/k?w=2&return=body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'GET /v1/kv/b/k?versions=true HTTP/1.1\r\nHost: localhost\r\nAccept: multipart/mixed;q=0.5\r\nIf-None-Match: "x", *\r\n\r\n',
  'DELETE /v1/kv64/Yg/aw HTTP/1.1\r\nHost: [::1]:80\r\nRotunda-Context: AQID\r\nRotunda-Operation: o\r\n\r\n',
  'GET /v1/kv/b?prefix=%41&limit=2&cursor= HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET http://localhost/v1/explain/b/k HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n',
]

const DICTIONARY = [
  'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  '\r\n',
  '\n',
  '\0',
  '%',
  '%ff',
  '/',
  '..',
  ' ',
  ':',
  ',',
  ';',
  '"',
  'chunked',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: x\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: h2c\r\nConnection: upgrade\r\n',
  '__proto__',
  'HTTP/1.1',
  '99999999999',
  '\xff',
  'Rotunda-Meta-__proto__: x\r\n',
]

/** Requests with bytes changed, cut out, doubled, and words put in. */
const mutated = fc
  .tuple(
    fc.array(fc.constantFrom(...VALID), { minLength: 1, maxLength: 3 }),
    fc.array(
      fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(20),
        fc.oneof(fc.constantFrom(...DICTIONARY), fc.string({ unit: 'binary-ascii', maxLength: 5 })),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([requests, edits]) => {
    let text = requests.join('')
    for (const [where, cut, put] of edits) {
      const at = Math.floor(where * text.length)
      text = text.slice(0, at) + put + text.slice(at + cut)
    }
    return text
  })

test('no bytes from any client end the process, pollute a prototype or keep anything held', async (t) => {
  const own = await HttpEdge.during(t, {
    bounds: { headTimeoutMs: 3_000, requestTimeoutMs: 5_000, requestTimeoutCheckMs: 100, lingerMs: 20 },
  })
  const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
  const sent = fc.tuple(
    fc.oneof({ weight: 4, arbitrary: mutated }, { weight: 1, arbitrary: garbage }),
    fc.nat(3),
    fc.boolean(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(sent, { minLength: 8, maxLength: 8 }), async (clients) => {
      await Promise.all(
        clients.map(async ([text, pieces, reset]) => {
          const connection = await own.connect()
          const size = Math.ceil(text.length / (pieces + 1)) || 1
          for (let at = 0; at < text.length; at += size) {
            connection.write(text.slice(at, at + size))
            await new Promise((resolve) => setImmediate(resolve))
          }
          if (reset) connection.socket.resetAndDestroy()
          else connection.socket.end()
          const received = await connection.untilClosed()
          for (const [, status] of received.matchAll(/^HTTP\/1\.1 (\d+) /gm)) t.not(status, '500')
        }),
      )
      t.is((await own.get('/health/live')).status, 200)
    }),
    { numRuns: 60 },
  )
  t.deepEqual(own.log, [])
  t.deepEqual(Object.keys(Object.prototype), [])
  t.is(({} as Record<string, unknown>).x, undefined)
  const { text } = await own.get('/metrics')
  for (const gauge of [
    'rotunda_http_requests_in_flight',
    'rotunda_http_request_bytes_in_flight',
    'rotunda_http_response_bytes_in_flight',
  ])
    t.true(text.includes(`\n${gauge} 0\n`), gauge)
})
