/** What surrounds a value over HTTP: operation ids, entity tags, contexts, parameters, and how failures are answered. */
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'
import { MemoryDatabase } from '../model/memory-database.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

let keys = 0
/** The path of a key that no other test uses. */
function fresh(): string {
  return `/v1/kv/around/key-${++keys}`
}

function context(answer: { headers: Record<string, unknown> }): Record<string, string> {
  return { 'rotunda-context': String(answer.headers['rotunda-context']) }
}

test('the same operation twice is one write', async (t) => {
  const path = fresh()
  const operation = { 'rotunda-operation': 'retry-me!' }
  t.is((await edge.put(path, 'one', operation)).status, 204)
  t.is((await edge.put(path, 'one', operation)).status, 204)
  t.is((await edge.get(path)).status, 200)
  t.is((await edge.put(path, 'two', { 'rotunda-operation': 'another' })).status, 204)
  t.is((await edge.get(path)).status, 300)
})

test('one operation that reached two coordinators is shown once, and its context covers both', async (t) => {
  const here = await HttpEdge.during(t)
  const there = await HttpEdge.during(t, {}, new MemoryDatabase(Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)))
  const path = '/v1/kv/b/k'
  const [bucket, key] = [Buffer.from('b'), Buffer.from('k')]
  const operation = { 'rotunda-operation': 'tried-twice' }
  await here.put(path, 'one', operation)
  await there.put(path, 'one', operation)
  const object = await new Promise<Uint8Array>((resolve) =>
    there.database.get({ bucket, key, deadlineMs: 0 }, (found) => {
      if (found.status === 'ok') resolve(found.object!)
    }),
  )
  here.database.merge(bucket, key, object)
  const got = await here.get(path)
  t.like(got, { status: 200, text: 'one' })
  await here.put(path, 'two', context(got))
  const listed = await here.get(`${path}?versions=true`)
  t.is(listed.json.versions.length, 1)
})

test('ETag: the same from every node, another for another state or form; 304 carries the context', async (t) => {
  const path = '/v1/kv/etag/k'
  await edge.put(path, 'one', { 'content-type': 'text/plain' })
  const got = await edge.get(path)
  const etag = String(got.headers.etag)
  const [bucket, key] = [Buffer.from('etag'), Buffer.from('k')]
  const object = await new Promise<Uint8Array>((resolve) =>
    edge.database.get({ bucket, key, deadlineMs: 0 }, (found) => {
      if (found.status === 'ok') resolve(found.object!)
    }),
  )
  const copy = await HttpEdge.during(t, {}, new MemoryDatabase())
  copy.database.merge(bucket, key, object)
  t.is((await copy.get(path)).headers.etag, etag)
  for (const noneMatch of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const same = await edge.get(path, { 'if-none-match': noneMatch })
    t.is(same.status, 304, noneMatch)
    t.is(same.text, '')
    t.deepEqual(context(same), context(got))
    t.is(same.headers.etag, etag)
    t.is(same.headers['cache-control'], 'no-cache')
  }
  t.is((await edge.send('HEAD', path, { headers: { 'if-none-match': etag } })).status, 304)
  const listed = await edge.get(`${path}?versions=true`, { 'if-none-match': etag })
  t.is(listed.status, 200)
  t.is(
    (await edge.get(`${path}?versions=true`, { 'if-none-match': String(listed.headers.etag) })).status,
    304,
  )
  await edge.put(path, 'two', context(got))
  t.is((await edge.get(path, { 'if-none-match': etag })).status, 200)
  await edge.delete(path)
  t.is((await edge.get(path, { 'if-none-match': '*' })).status, 404)
})

test('conditions on writes are refused and change nothing', async (t) => {
  const path = fresh()
  const conditions = [
    'if-match',
    'if-none-match',
    'if-unmodified-since',
    'if-modified-since',
    'content-range',
  ]
  for (const name of conditions) {
    t.is((await edge.put(path, 'x', { [name]: '*' })).json.error.code, 'BAD_PARAM', name)
    t.is((await edge.delete(path, { [name]: '"x"' })).json.error.code, 'BAD_PARAM', name)
  }
  t.is((await edge.get(path)).headers['rotunda-context'], undefined)
  for (const name of ['if-match', 'if-unmodified-since'])
    t.is((await edge.get(path, { [name]: '*' })).status, 400)
  t.is((await edge.get(path, { 'if-modified-since': 'Tue, 14 Nov 2023 22:13:20 GMT' })).status, 404)
})

test('a damaged, forged or foreign context changes nothing', async (t) => {
  const path = fresh()
  const other = fresh()
  const token = String((await edge.put(path, 'one')).headers['rotunda-context'])
  const foreign = String((await edge.put(other, 'other')).headers['rotunda-context'])
  const middle = token.length >> 1
  const damaged = token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1)
  for (const bad of [
    damaged,
    foreign,
    '',
    'x',
    `${token}=`,
    token.slice(1),
    `${token}, ${token}`,
    '{}',
    'A'.repeat(50_000),
  ]) {
    t.is(
      (await edge.put(path, 'two', { 'rotunda-context': bad })).json.error.code,
      'BAD_CONTEXT',
      bad.slice(0, 100),
    )
    t.is(
      (await edge.delete(path, { 'rotunda-context': bad })).json.error.code,
      'BAD_CONTEXT',
      bad.slice(0, 100),
    )
  }
  t.is(
    (await edge.send('PUT', path, { body: 'two', headers: { 'rotunda-context': [token, token] } })).status,
    400,
  )
  t.like(await edge.get(path), { status: 200, text: 'one' })
})

test('a starting node that does not know its cluster yet says so, and calls no good token bad', async (t) => {
  const edge = await HttpEdge.during(t)
  const put = await edge.put('/v1/kv/b/k', 'one')
  await edge.put('/v1/kv/b/l', 'one')
  const { cursor } = (await edge.get('/v1/kv/b?limit=1')).json
  const { clusterId } = edge.database
  edge.database.clusterId = ''
  for (const early of [
    await edge.put('/v1/kv/b/k', 'two', context(put)),
    await edge.delete('/v1/kv/b/k', context(put)),
    await edge.get(`/v1/kv/b?cursor=${cursor}`),
  ])
    t.like(early, { status: 503, json: { error: { code: 'NOT_READY' } } })
  edge.database.clusterId = clusterId
  t.is((await edge.put('/v1/kv/b/k', 'two', context(put))).status, 204)
  t.is((await edge.get(`/v1/kv/b?cursor=${cursor}`)).status, 200)
})

test('a context outlives a restart and one rotation of the secret', async (t) => {
  const [old, fresh] = [Buffer.from('old old old old old'), Buffer.from('new new new new new')]
  const database = new MemoryDatabase()
  const before = await HttpEdge.during(t, { secrets: [old] }, database)
  const put = await before.put('/v1/kv/b/k', 'one')
  await before.close()
  const after = await HttpEdge.during(t, { secrets: [fresh, old] }, database)
  t.is((await after.put('/v1/kv/b/k', 'two', context(put))).status, 204)
  t.is((await after.get('/v1/kv/b/k')).text, 'two')
  await after.close()
  const much = await HttpEdge.during(t, { secrets: [fresh] }, database)
  t.is((await much.put('/v1/kv/b/k', 'three', context(put))).json.error.code, 'BAD_CONTEXT')
})

test('r, w and timeout reach the database; what it refuses is the answer', async (t) => {
  const edge = await HttpEdge.during(t)
  const path = fresh()
  const last = (): Record<string, unknown> => edge.database.seen.at(-1) as unknown as Record<string, unknown>
  await edge.put(`${path}?w=2&timeout=60000`, 'x')
  t.is(last().w, 2)
  t.true(Number(last().deadlineMs) > performance.now() + 30_000)
  await edge.get(`${path}?r=all`)
  t.is(last().r, 'all')
  await edge.delete(`${path}?w=one`)
  t.is(last().w, 'one')
  await edge.get(path)
  t.false('r' in last())
  t.is((await edge.get(`${path}?r=4`)).json.error.code, 'BAD_PARAM')
})

test('unknown, doubled and senseless parameters are refused before anything is done', async (t) => {
  const edge = await HttpEdge.during(t)
  const path = fresh()
  const gets = [
    '?x=1',
    '?w=1',
    '?r=0',
    '?r=16',
    '?r=',
    '?r=two',
    '?timeout=0',
    '?timeout=60001',
    '?versions=1',
    '?r=1&r=1',
    '?return=body',
  ]
  for (const query of gets) t.is((await edge.get(path + query)).json.error.code, 'BAD_PARAM', query)
  for (const query of ['?r=1', '?return=none', '?versions=true', '?x'])
    t.is((await edge.put(path + query, 'x')).json.error.code, 'BAD_PARAM', query)
  for (const query of ['?r=1', '?return=body'])
    t.is((await edge.delete(path + query)).json.error.code, 'BAD_PARAM', query)
  t.is(edge.database.seen.length, 0)
})

test('chunked bodies are taken', async (t) => {
  const path = fresh()
  const put = await edge.send('PUT', path, { chunks: ['one ', 'two ', Buffer.from('three')] })
  t.is(put.status, 204)
  t.is((await edge.get(path)).text, 'one two three')
})

test('a body on a request that takes none is refused', async (t) => {
  const path = fresh()
  for (const method of ['GET', 'DELETE']) {
    const answer = await edge.send(method, path, { body: 'x' })
    t.is(answer.json.error.code, 'BAD_PARAM')
  }
  t.is((await edge.send('DELETE', path, { body: '' })).status, 204)
})

test('failures of the database become answers with their numbers', async (t) => {
  const failing = await HttpEdge.during(t)
  failing.database.failing = {
    status: 'error',
    code: 'QUORUM_UNMET',
    message: 'One of two.',
    numbers: { needed: 2, got: 1, n: 3 },
  }
  const put = await failing.put('/v1/kv/b/k', 'x')
  t.is(put.status, 503)
  t.deepEqual(put.json, { error: { code: 'QUORUM_UNMET', message: 'One of two.', needed: 2, got: 1, n: 3 } })
  t.is(put.headers['content-type'], 'application/json')
  t.is(put.headers['retry-after'], undefined)
  for (const [code, status] of [
    ['TIMEOUT', 504],
    ['NOT_READY', 503],
    ['STORAGE_FULL', 503],
    ['OVERLOADED', 503],
    ['TOO_MANY_SIBLINGS', 409],
  ] as const) {
    failing.database.failing = { status: 'error', code }
    const answer = await failing.put('/v1/kv/b/k', 'x')
    t.is(answer.status, status)
    t.is(answer.json.error.code, code)
  }
  failing.database.failing = { status: 'error', code: 'OVERLOADED' }
  t.regex(String((await failing.get('/v1/kv/b/k')).headers['retry-after']), /^\d+$/)
})

test('an answer given within the call is like any other', async (t) => {
  const immediate = await HttpEdge.during(t)
  immediate.database.immediate = true
  t.is((await immediate.put('/v1/kv/b/k', 'x')).status, 204)
  t.is((await immediate.get('/v1/kv/b/k')).text, 'x')
})

test('a bug is a 500 that is logged under the id that it names, and the next request is served', async (t) => {
  const broken = await HttpEdge.during(t)
  broken.database.get = () => {
    throw new Error('a bug on the way in')
  }
  const first = await broken.get('/v1/kv/b/k')
  t.is(first.status, 500)
  t.is(first.json.error.code, 'INTERNAL')
  t.false(first.text.includes('a bug'))
  broken.database.get = (_request, done) =>
    done({ status: 'ok', object: Buffer.from('no object'), fastest: '' })
  const second = await broken.get('/v1/kv/b/k')
  t.is(second.status, 500)
  for (const answer of [first, second]) {
    const { requestId } = answer.json
    t.is(answer.headers['rotunda-request-id'], requestId)
    t.true(broken.log.some(({ level, fields }) => level === 'error' && fields?.requestId === requestId))
  }
  t.is((await broken.put('/v1/kv/b/k', 'x')).status, 204)
  t.is((await broken.get('/metrics')).status, 200)
})

test('a value above the sibling cap is a 409, a deletion never is', async (t) => {
  const path = fresh()
  for (let number = 0; number < 128; number++) await edge.put(path, String(number))
  t.is((await edge.put(path, 'one too many')).json.error.code, 'TOO_MANY_SIBLINGS')
  const all = await edge.get(path)
  t.is(all.json.versions.length, 128)
  t.is((await edge.delete(path)).status, 204)
  t.is((await edge.get(path)).status, 404)
})
