/** Values over HTTP, by the contract: what a client may rely on for GET, HEAD, PUT and DELETE of one key. */
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

let keys = 0
/** The path of a key that no other test uses. */
function fresh(): string {
  return `/v1/kv/values/key-${++keys}`
}

function context(answer: { headers: Record<string, unknown> }): Record<string, string> {
  return { 'rotunda-context': String(answer.headers['rotunda-context']) }
}

test('a put and a get: bytes, type, encoding and meta come back', async (t) => {
  const path = fresh()
  const bytes = Buffer.from([0, 1, 2, 255, 13, 10, 0])
  const put = await edge.put(path, bytes, {
    'content-type': 'image/x-odd; charset="q"',
    'content-encoding': 'gzip',
    'Rotunda-Meta-Author': 'me, myself',
    'rotunda-meta-__proto__': 'polluted?',
  })
  t.is(put.status, 204)
  t.is(put.text, '')
  t.truthy(put.headers['rotunda-context'])
  const got = await edge.get(path)
  t.is(got.status, 200)
  t.deepEqual(got.body, bytes)
  t.like(got.headers, {
    'content-type': 'image/x-odd; charset="q"',
    'content-encoding': 'gzip',
    'rotunda-meta-author': 'me, myself',
    'cache-control': 'no-cache',
    vary: 'Accept',
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
    'content-length': '7',
  })
  t.is(got.headers['rotunda-meta-__proto__'], 'polluted?')
  t.is(({} as Record<string, unknown>)['polluted?'], undefined)
  t.regex(String(got.headers.etag), /^"[A-Za-z0-9_-]{22}"$/)
  t.true(Math.abs(Date.parse(String(got.headers['last-modified'])) - Date.now()) < 60_000)
  t.deepEqual(context(got), context(put))
})

test('without a content type it is a stream of octets; an odd one is kept as it is', async (t) => {
  const path = fresh()
  const put = await edge.put(path, 'x')
  t.is((await edge.get(path)).headers['content-type'], 'application/octet-stream')
  await edge.put(path, 'x', { ...context(put), 'content-type': 'no type at all' })
  t.is((await edge.get(path)).headers['content-type'], 'no type at all')
})

test('empty values are values', async (t) => {
  const path = fresh()
  t.is((await edge.put(path, '')).status, 204)
  const got = await edge.get(path)
  t.like(got, { status: 200, text: '' })
  t.is(got.headers['content-length'], '0')
})

test('HEAD is GET without the body', async (t) => {
  const path = fresh()
  t.is((await edge.send('HEAD', path)).status, 404)
  await edge.put(path, 'hello', { 'content-type': 'text/plain' })
  const got = await edge.get(path)
  const head = await edge.send('HEAD', path)
  t.is(head.text, '')
  t.is(head.status, 200)
  const { date: _a, ...ofHead } = head.headers
  const { date: _b, ...ofGet } = got.headers
  t.deepEqual(ofHead, ofGet)
  await edge.put(path, 'blind')
  const several = await edge.send('HEAD', path)
  t.is(several.status, 300)
  t.is(several.headers['content-length'], String((await edge.get(path)).body.length))
})

test('a key that was never there is a 404 without a context', async (t) => {
  const got = await edge.get(fresh())
  t.is(got.status, 404)
  t.is(got.json.error.code, 'NOT_FOUND')
  t.is(got.headers['rotunda-context'], undefined)
})

test('two blind puts are siblings; a put with the context of both leaves one', async (t) => {
  const path = fresh()
  await edge.put(path, 'one', { 'content-type': 'text/plain', 'rotunda-meta-n': '1' })
  await edge.put(path, 'two', { 'content-type': 'text/html', 'content-encoding': 'br' })
  const both = await edge.get(path)
  t.is(both.status, 300)
  t.is(both.headers['content-type'], 'application/json')
  t.like(both.json, { bucket: 'values', key: path.slice('/v1/kv/values/'.length) })
  t.is(both.json.context, both.headers['rotunda-context'])
  t.like(both.json.versions, [
    { contentType: 'text/plain', meta: { n: '1' }, value: Buffer.from('one').toString('base64') },
    {
      contentType: 'text/html',
      contentEncoding: 'br',
      meta: {},
      value: Buffer.from('two').toString('base64'),
    },
  ])
  for (const { writtenAt } of both.json.versions) t.is(new Date(writtenAt).toISOString(), writtenAt)
  for (const name of ['cache-control', 'vary', 'x-content-type-options', 'content-security-policy', 'etag'])
    t.truthy(both.headers[name], name)
  t.is((await edge.put(path, 'merged', context(both))).status, 204)
  t.like(await edge.get(path), { status: 200, text: 'merged' })
})

test('the context of a blind put does not cover the put before it', async (t) => {
  const path = fresh()
  await edge.put(path, 'one')
  const second = await edge.put(path, 'two')
  await edge.put(path, 'three', context(second))
  const left = (await edge.get(path)).json.versions.map(({ value }: { value: string }) => atob(value))
  t.deepEqual(left.sort(), ['one', 'three'])
})

test('several versions as multipart/mixed, each with its own headers', async (t) => {
  const path = fresh()
  await edge.put(path, 'one', { 'content-type': 'text/plain', 'rotunda-meta-n': '1' })
  await edge.put(path, '\r\n--two--\r\n', { 'content-type': 'text/html' })
  const got = await edge.get(path, { accept: 'multipart/mixed' })
  t.is(got.status, 300)
  const boundary = /^multipart\/mixed; boundary="([^"]+)"$/.exec(String(got.headers['content-type']))![1]!
  const [preamble, first, second, end] = got.text.split(`--${boundary}`)
  t.is(preamble, '')
  t.is(end, '--\r\n')
  t.regex(
    first!,
    /^\r\nContent-Type: text\/plain\r\nRotunda-Meta-n: 1\r\nLast-Modified: [^\r]+ GMT\r\n\r\none\r\n$/,
  )
  t.regex(second!, /^\r\nContent-Type: text\/html\r\nLast-Modified: [^\r]+ GMT\r\n\r\n\r\n--two--\r\n\r\n$/)
  t.is((await edge.put(path, 'merged', context(got))).status, 204)
  t.is((await edge.get(path, { accept: 'multipart/mixed' })).text, 'merged')
})

test('?versions=true lists a single version, tombstones included', async (t) => {
  const path = fresh()
  const put = await edge.put(path, 'one')
  await edge.delete(path)
  const deleted = await edge.get(`${path}?versions=true`)
  t.is(deleted.status, 404)
  t.is(deleted.json.error.code, 'NOT_FOUND')
  t.like(deleted.json.versions, [{ deleted: true }])
  await edge.put(path, 'two', context(put))
  for (const accept of ['application/json', '*/*', 'text/plain']) {
    const listed = await edge.get(`${path}?versions=true`, { accept })
    t.is(listed.status, 200)
    t.is(listed.json.versions.length, 2)
    t.is(atob(listed.json.versions[0].value), 'two')
    t.true(listed.json.versions[1].deleted)
    t.false('value' in listed.json.versions[1])
  }
  t.is(
    (await edge.get(`${path}?versions=true`, { accept: 'multipart/mixed' })).text.match(
      /Rotunda-Deleted: true/g,
    )?.length,
    1,
  )
  t.is((await edge.get(path)).text, 'two')
  t.is((await edge.get(`${path}?versions=false`)).text, 'two')
  await edge.put(path, 'three')
  t.is((await edge.get(`${path}?versions=true`)).status, 300)
})

test('DELETE with a context removes what that has seen, and no more', async (t) => {
  const path = fresh()
  const first = await edge.put(path, 'one')
  await edge.put(path, 'two')
  const deleted = await edge.delete(path, context(first))
  t.is(deleted.status, 204)
  t.truthy(deleted.headers['rotunda-context'])
  t.like(await edge.get(path), { status: 200, text: 'two' })
})

test('DELETE without a context removes what is there now', async (t) => {
  const path = fresh()
  await edge.put(path, 'one')
  await edge.put(path, 'two')
  t.is((await edge.delete(path)).status, 204)
  const gone = await edge.get(path)
  t.is(gone.status, 404)
  t.truthy(gone.headers['rotunda-context'])
})

test('DELETE is idempotent: where nothing is live it is a 204 and writes nothing', async (t) => {
  const path = fresh()
  t.is((await edge.delete(path)).status, 204)
  t.is((await edge.get(path)).headers['rotunda-context'], undefined)
  await edge.put(path, 'one')
  const once = await edge.delete(path)
  const before = await edge.get(`${path}?versions=true`)
  t.is((await edge.delete(path)).status, 204)
  t.is((await edge.delete(path, context(once))).status, 204)
  t.deepEqual((await edge.get(`${path}?versions=true`)).json.versions, before.json.versions)
})

test('a put concurrent with a delete stays', async (t) => {
  const path = fresh()
  const put = await edge.put(path, 'one')
  await edge.delete(path, context(put))
  await edge.put(path, 'two', context(put))
  t.like(await edge.get(path), { status: 200, text: 'two' })
})

test('return=body shows the merged result as GET does, with the context that covers it', async (t) => {
  const path = fresh()
  const one = await edge.put(`${path}?return=body`, 'one', { 'content-type': 'text/plain' })
  t.like(one, { status: 200, text: 'one' })
  const { date: _a, ...ofPut } = one.headers
  const { date: _b, ...ofGet } = (await edge.get(path)).headers
  t.deepEqual(ofPut, ofGet)
  const two = await edge.put(`${path}?return=body`, 'two')
  t.is(two.status, 300)
  t.is(two.json.versions.length, 2)
  await edge.put(path, 'merged', context(two))
  t.is((await edge.get(path)).text, 'merged')
  const parts = await edge.put(`${path}?return=body`, 'more', { accept: 'multipart/mixed' })
  t.regex(String(parts.headers['content-type']), /^multipart\/mixed/)
})

test('return=body after the result was deleted already is a plain 204', async (t) => {
  const path = fresh()
  const operation = { 'rotunda-operation': 'op-1' }
  await edge.put(path, 'one', operation)
  await edge.delete(path)
  const again = await edge.put(`${path}?return=body`, 'one', operation)
  t.is(again.status, 204)
  t.is((await edge.get(path)).status, 404)
})
