/** Keys over HTTP: any bytes, decoded once, never a path; and the listing of a bucket. */
import { existsSync } from 'node:fs'
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

/** Every byte percent-encoded. */
function encodeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

function base64url(text: string | Uint8Array): string {
  return Buffer.from(text).toString('base64url')
}

const ODD_KEYS = [
  '../x',
  '../../../../etc/passwd',
  'a/b',
  'a%2Fb',
  '%252F',
  '%',
  '__proto__',
  'constructor',
  'toString',
  '\0',
  'a\0b',
  '\r\nX-Evil: 1',
  ' ',
  '+',
  '?r=1',
  '#',
  '..',
  '.',
  '/',
  '//',
  '\\',
  '{key}',
  ':key',
  '*',
  'é',
  'e\u0301',
  '\ufeff',
  '🔑'.repeat(256),
  'k'.repeat(1024),
  'con',
]

test('odd keys go round trip in either spelling, and are listed as they are', async (t) => {
  for (const [number, key] of ODD_KEYS.entries()) {
    const put = await edge.put(`/v1/kv/odd/${encodeAll(key)}`, `value ${number}`)
    t.is(put.status, 204, key)
    t.is((await edge.get(`/v1/kv/odd/${encodeURIComponent(key)}`)).text, `value ${number}`, key)
    t.is((await edge.get(`/v1/kv64/b2Rk/${base64url(key)}`)).text, `value ${number}`, key)
  }
  const listed = (await edge.get('/v1/kv/odd?limit=1000')).json.keys
  t.deepEqual(
    listed,
    ODD_KEYS.map((key) => Buffer.from(key))
      .sort(Buffer.compare)
      .map(String),
  )
  t.is(({} as Record<string, unknown>)['value 6'], undefined)
  t.false(existsSync('x'))
})

test('odd buckets go round trip like keys', async (t) => {
  for (const bucket of ['..', '__proto__', 'a/b', '%2F', '\0', '🪣'.repeat(63), 'b'.repeat(255)]) {
    t.is((await edge.put(`/v1/kv/${encodeAll(bucket)}/k`, bucket)).status, 204)
    t.is((await edge.get(`/v1/kv64/${base64url(bucket)}/aw`)).text, bucket)
    t.deepEqual((await edge.get(`/v1/kv/${encodeAll(bucket)}`)).json.keys, ['k'])
  }
})

test('bytes that are no UTF-8 go through kv64, and are shown as key64', async (t) => {
  const path = '/v1/kv64/_w/_v8A'
  t.is((await edge.put(path, 'one')).status, 204)
  t.is((await edge.get(path)).text, 'one')
  await edge.put(path, 'two')
  const both = await edge.get(path)
  t.like(both.json, { bucket64: '_w', key64: '_v8A' })
  t.false('key' in both.json)
  t.deepEqual((await edge.get('/v1/kv64/_w')).json, { keys: [{ key64: '_v8A' }], cursor: null })
  t.deepEqual((await edge.get('/v1/kv64/_w?prefix=_g')).json.keys, [{ key64: '_v8A' }])
  t.deepEqual((await edge.get('/v1/kv64/_w?prefix=_w')).json.keys, [])
})

test('keys that are malformed or out of range are BAD_KEY, and reach no database', async (t) => {
  const own = await HttpEdge.during(t)
  const bad = [
    '/v1/kv/b/%',
    '/v1/kv/b/%4',
    '/v1/kv/b/%zz',
    '/v1/kv/b/%ff',
    '/v1/kv/b/%c3%28',
    '/v1/kv/b/%ed%a0%80',
    '/v1/kv/%ff/k',
    '/v1/kv/b/',
    '/v1/kv/b/?r=1',
    '/v1/kv//k',
    '/v1/kv/',
    '/v1/kv//',
    '/v1/kv/b/k/',
    '/v1/kv/b/k/l',
    '/v1/kv/b//k',
    `/v1/kv/b/${'k'.repeat(1025)}`,
    `/v1/kv/b/${encodeAll('🔑'.repeat(256))}x`,
    `/v1/kv/${'b'.repeat(256)}/k`,
    '/v1/kv64/b/k',
    '/v1/kv64/Yg/aw==',
    '/v1/kv64/Yg/YR',
    '/v1/kv64/Yg/',
    `/v1/kv64/Yg/${base64url('k'.repeat(1025))}`,
    `/v1/kv64/${base64url('b'.repeat(256))}/aw`,
  ]
  for (const path of bad) {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      const answer = await own.send(method, path, method === 'PUT' ? { body: 'x' } : {})
      t.is(answer.status, 400, `${method} ${path}`)
      if (method !== 'HEAD') t.is(answer.json.error.code, 'BAD_KEY', `${method} ${path}`)
    }
  }
  for (const path of [
    '/v1/kv/%ff',
    `/v1/kv/${'b'.repeat(256)}`,
    '/v1/kv64/b',
    '/v1/explain/b/%ff',
    '/v1/explain/b/',
  ])
    t.is((await own.get(path)).json.error.code, 'BAD_KEY', path)
  t.is(own.database.seen.length, 0)
})

test('the longest bucket and key are taken, also with every byte percent-encoded', async (t) => {
  const [bucket, key] = ['B'.repeat(255), 'k'.repeat(1024)]
  t.is((await edge.put(`/v1/kv/${bucket}/${key}`, 'x')).status, 204)
  t.is((await edge.get(`/v1/kv/${encodeAll(bucket)}/${encodeAll(key)}?r=quorum&timeout=60000`)).text, 'x')
})

test('the listing has pages in byte order; cursors are bound to bucket and prefix', async (t) => {
  const keys = ['a', 'a/1', 'a/2', 'a/3', 'a/é', 'b', 'ä']
  for (const key of keys) await edge.put(`/v1/kv/pages/${encodeURIComponent(key)}`, 'x')
  await edge.delete('/v1/kv/pages/b')
  const seen: string[] = []
  let cursor: string | null = ''
  let pages = 0
  while (cursor !== null) {
    const page = await edge.get(`/v1/kv/pages?limit=2&cursor=${cursor}`)
    t.is(page.status, 200)
    seen.push(...page.json.keys)
    cursor = page.json.cursor
    pages++
  }
  t.deepEqual(
    seen,
    keys.filter((key) => key !== 'b'),
  )
  t.is(pages, 3)
  const first = await edge.get('/v1/kv/pages?prefix=a/&limit=1')
  t.deepEqual(first.json.keys, ['a/1'])
  const next = first.json.cursor as string
  t.deepEqual((await edge.get(`/v1/kv/pages?prefix=a/&limit=9&cursor=${next}`)).json, {
    keys: ['a/2', 'a/3', 'a/é'],
    cursor: null,
  })
  for (const path of [
    `/v1/kv/pages?cursor=${next}`,
    `/v1/kv/pages?prefix=a&cursor=${next}`,
    `/v1/kv/other?prefix=a/&cursor=${next}`,
    `/v1/kv/pages?prefix=a/&cursor=${next}A`,
    `/v1/kv/pages?prefix=a/&cursor=${next.slice(1)}`,
    '/v1/kv/pages?cursor=x',
    `/v1/kv/pages?cursor=${base64url('a/1')}`,
  ])
    t.is((await edge.get(path)).json.error.code, 'BAD_PARAM', path)
})

test('a context is no cursor', async (t) => {
  const token = (await edge.put('/v1/kv/purpose/k', 'x')).headers['rotunda-context']
  t.is((await edge.get(`/v1/kv/purpose?prefix=k&cursor=${token}`)).json.error.code, 'BAD_PARAM')
})

test('parameters of the listing, at their bounds', async (t) => {
  t.is((await edge.get('/v1/kv/none?limit=1')).status, 200)
  t.is((await edge.get('/v1/kv/none?limit=1000')).status, 200)
  t.deepEqual((await edge.get('/v1/kv/none?prefix=&cursor=')).json, { keys: [], cursor: null })
  t.is((await edge.get(`/v1/kv/none?prefix=${'x'.repeat(1024)}`)).status, 200)
  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=',
    'limit=x',
    `prefix=${'x'.repeat(1025)}`,
    'prefix=%ff',
    'r=1',
    'after=x',
    'timeout=0',
  ])
    t.is((await edge.get(`/v1/kv/none?${query}`)).json.error.code, 'BAD_PARAM', query)
})

test('nothing but GET exists on a bucket', async (t) => {
  for (const method of ['HEAD', 'PUT', 'DELETE', 'POST', 'PATCH', 'OPTIONS']) {
    const answer = await edge.send(method, '/v1/kv/b', method === 'PUT' ? { body: 'x' } : {})
    t.is(answer.status, 405, method)
    t.is(answer.headers.allow, 'GET')
    if (method !== 'HEAD') t.is(answer.json.error.code, 'METHOD_NOT_ALLOWED')
  }
})
