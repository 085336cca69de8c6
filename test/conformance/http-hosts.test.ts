/** Requests under a foreign name (DNS rebinding) are refused on every path, before anything is done. */
import test from 'ava'
import { codeOf, HttpEdge, statusOf } from '../model/http-edge.js'

const PATHS = [
  '/v1/kv/b/k',
  '/v1/kv/b',
  '/v1/explain/b/k',
  '/v1/cluster',
  '/metrics',
  '/health/live',
  '/openapi.json',
  '/nowhere',
]

test('bound to loopback, only loopback names are answered', async (t) => {
  const edge = await HttpEdge.during(t)
  for (const host of [
    'evil.com',
    '127.evil.com',
    '127.0.0.1.evil.com',
    'localhost.evil.com:80',
    'localhost:80:80',
    'localhost:65536',
    '0.0.0.0',
    '10.0.0.1',
  ]) {
    for (const path of PATHS) {
      const answer = await edge.get(path, { host })
      t.is(answer.status, 421, `${host} ${path}`)
      t.is(answer.json.error.code, 'BAD_HOST')
    }
    t.is((await edge.put('/v1/kv/b/k', 'x', { host })).status, 421)
    t.is((await edge.send('OPTIONS', '/v1/kv/b/k', { headers: { host } })).status, 421)
  }
  t.is(edge.database.seen.length, 0)
  for (const host of [
    'localhost',
    `localhost:${edge.port}`,
    'localhost:1',
    'LOCALHOST.',
    '127.0.0.1',
    '[::1]:9',
  ])
    t.is((await edge.get('/v1/kv/b/k', { host })).status, 404, host)
})

test('further names are answered where they are given', async (t) => {
  const edge = await HttpEdge.during(t, { allowedHosts: ['db1.example.com', '2001:db8::1'] })
  for (const host of ['db1.example.com', 'DB1.example.com:7400', '[2001:db8::1]:7400'])
    t.is((await edge.get('/health/live', { host })).status, 200, host)
  for (const host of ['db2.example.com', 'example.com', 'xdb1.example.com'])
    t.is((await edge.get('/health/live', { host })).status, 421)
})

test('a target in absolute form counts as a Host', async (t) => {
  const edge = await HttpEdge.during(t)
  const ask = (target: string, host: string): Promise<string> =>
    edge.exchangeBytes(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  t.is(statusOf(await ask('http://localhost/health/live', 'localhost')), 200)
  t.is(statusOf(await ask(`http://127.0.0.1:${edge.port}/health/live`, 'localhost')), 200)
  for (const [target, host] of [
    ['http://evil.com/health/live', 'localhost'],
    ['http://localhost/health/live', 'evil.com'],
    ['http://localhost@evil.com/health/live', 'localhost'],
    ['http://evil.com@localhost/health/live', 'localhost'],
  ] as const)
    t.is(codeOf(await ask(target, host)), 'BAD_HOST', target)
})

test('HTTP/1.0 without a Host is not answered either', async (t) => {
  const edge = await HttpEdge.during(t)
  t.is(codeOf(await edge.exchangeBytes('GET /health/live HTTP/1.0\r\n\r\n')), 'BAD_HOST')
})
