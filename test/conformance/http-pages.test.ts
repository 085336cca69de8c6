/** The pages about the node: cluster, ring, explain, metrics, health, the OpenAPI document; and what is not there. */
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

test('the cluster and its ring', async (t) => {
  const cluster = await edge.get('/v1/cluster')
  t.is(cluster.headers['content-type'], 'application/json')
  t.like(cluster.json, {
    n: 3,
    r: 2,
    w: 2,
    q: 256,
    pendingHints: 0,
    tombstones: 0,
    reapingStoppedBy: [],
    transfers: 0,
    toHandOver: 0,
    ringDigest: '0123456789abcdef',
    versions: { wire: 2, storage: 1 },
  })
  t.like(cluster.json.refused, [{ name: 'n9', why: 'no-common-version', reason: 'n9 is too new for n1' }])
  t.deepEqual(cluster.json.members[0].speaks, { wire: [1, 2], storage: [1, 1] })
  t.like(cluster.json.members, [{ name: 'n1', status: 'member', liveness: 'self', weight: 1 }])
  const ring = await edge.get('/v1/cluster/ring')
  t.is(ring.json.partitions.length, ring.json.q)
  t.deepEqual(ring.json.partitions[0], [0])
  t.is(ring.json.hashRule.algorithm, 'md5')
  for (const path of ['/v1/cluster', '/v1/cluster/ring']) t.is((await edge.get(`${path}?x=1`)).status, 400)
})

test('explain tells of versions, tombstones and clocks, and shows no value', async (t) => {
  const put = await edge.put('/v1/kv/b/explained', 'a secret value', { 'content-type': 'text/plain' })
  await edge.delete('/v1/kv/b/explained')
  await edge.put('/v1/kv/b/explained', 'again', { 'rotunda-context': String(put.headers['rotunda-context']) })
  const explained = await edge.get('/v1/explain/b/explained')
  t.is(explained.status, 200)
  t.like(explained.json, { bucket: 'b', key: 'explained' })
  t.regex(explained.json.hash, /^[0-9a-f]{16}$/)
  t.is(explained.json.partition, Number.parseInt(explained.json.hash.slice(0, 2), 16))
  t.like(explained.json.preferenceList, [{ name: 'n1', owner: true }])
  const [replica] = explained.json.replicas
  t.like(replica, { name: 'n1', answer: 'ok', reason: null, hint: false, incomplete: false })
  t.like(replica.versions, [{ valueBytes: 5, contentType: 'application/octet-stream' }])
  t.is(replica.tombstones.length, 1)
  t.is(replica.clock[0].contiguous, 3)
  t.false(explained.text.includes('again'))
  const missing = await edge.get('/v1/explain/b/never')
  t.like(missing.json.replicas, [{ answer: 'missing', versions: [], tombstones: [], clock: [] }])
  t.is((await edge.get('/v1/explain/b/k?r=1')).json.error.code, 'BAD_PARAM')
})

test('metrics are in Prometheus’ form and count what was asked', async (t) => {
  const own = await HttpEdge.during(t)
  await own.put('/v1/kv/b/k', 'x')
  await own.get('/v1/kv/b/k')
  await own.get('/v1/kv/b/%ff')
  const metrics = await own.get('/metrics')
  t.regex(String(metrics.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  const lines = metrics.text.split('\n')
  for (const line of [
    'rotunda_http_requests_total{operation="put",status="204"} 1',
    'rotunda_http_requests_total{operation="get",status="200"} 1',
    'rotunda_http_requests_total{operation="get",status="400"} 1',
    'rotunda_http_request_duration_seconds_count{operation="get"} 2',
    'rotunda_http_request_duration_seconds_bucket{le="+Inf",operation="get"} 2',
    '# TYPE rotunda_http_request_duration_seconds histogram',
    'rotunda_keys 1',
    '# TYPE rotunda_keys gauge',
    'rotunda_requests_total{kind="any"} 2',
    '# TYPE rotunda_requests_total counter',
    'rotunda_node_info{name="n1",version="0.0.0-test"} 1',
    'rotunda_http_requests_in_flight 0',
  ])
    t.true(lines.includes(line), line)
  for (const line of lines.filter((one) => one !== '' && !one.startsWith('#')))
    t.regex(line, /^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+$/)
  const buckets = lines.filter(
    (line) => line.startsWith('rotunda_http_request_duration_seconds_bucket{') && line.includes('"get"'),
  )
  const counts = buckets.map((line) => Number(line.split(' ')[1]))
  t.deepEqual(
    counts,
    [...counts].sort((a, b) => a - b),
  )
})

test('alive, and ready as the node says', async (t) => {
  const own = await HttpEdge.during(t)
  t.deepEqual((await own.get('/health/live')).json, { live: true })
  t.deepEqual((await own.get('/health/ready')).json, { ready: true })
  t.is((await own.send('HEAD', '/health/ready')).status, 200)
  own.database.state = {
    live: true,
    ready: false,
    reasons: ['it has not joined yet'],
    warnings: ['rows are missing'],
  }
  t.is((await own.get('/health/live')).status, 200)
  const not = await own.get('/health/ready')
  t.is(not.status, 503)
  t.like(not.json, { ready: false, reasons: ['it has not joined yet'], warnings: ['rows are missing'] })
  t.is(not.json.error.code, 'NOT_READY')
  own.database.state = { live: false, ready: false, reasons: ['its loop stands still'], warnings: [] }
  t.is((await own.get('/health/live')).status, 503)
})

test('the OpenAPI document is served', async (t) => {
  const document = await edge.get('/openapi.json')
  t.is(document.headers['content-type'], 'application/json')
  t.like(document.json, { openapi: '3.1.0', info: { version: '0.0.0-test' } })
})

test('what does not exist is a 404, whatever the method; known paths say what they take', async (t) => {
  const absent = [
    '/',
    '/v1',
    '/v1/',
    '/v1/kv',
    '/v1/kv64',
    '/v1/KV/b/k',
    '/v1/buckets',
    '/v1/buckets/b/k',
    '/v1/cluster/join',
    '/v1/cluster/',
    '/metrics/',
    '/v1/explain',
    '/no-such-route',
    '/v1/kv%2Fb/k',
    '//',
    '/%',
    '/v1//kv/b/k',
    '/favicon.ico',
  ]
  for (const path of absent) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await edge.send(method, path, { body: '' })
      t.is(answer.status, 404, `${method} ${path}`)
      t.is(answer.json.error.code, 'NOT_FOUND')
      t.is(answer.headers['content-type'], 'application/json')
    }
  }
  for (const method of ['POST', 'PATCH', 'OPTIONS', 'PROPFIND', 'PURGE', 'SEARCH', 'TRACE']) {
    const answer = await edge.send(method, '/v1/kv/b/k', {})
    t.is(answer.status, 405, method)
    t.is(answer.headers.allow, 'GET, HEAD, PUT, DELETE')
    t.is(answer.json.error.code, 'METHOD_NOT_ALLOWED')
  }
  t.is((await edge.send('PUT', '/v1/cluster', { body: '{}' })).headers.allow, 'GET, HEAD')
})

test('no answer speaks of other origins', async (t) => {
  const origin = { origin: 'http://evil.com', 'access-control-request-method': 'PUT' }
  for (const [method, path] of [
    ['GET', '/v1/kv/b/k'],
    ['OPTIONS', '/v1/kv/b/k'],
    ['GET', '/v1/cluster'],
    ['GET', '/metrics'],
    ['OPTIONS', '/v1/cluster/join'],
  ] as const) {
    const { headers } = await edge.send(method, path, { headers: origin })
    t.deepEqual(
      Object.keys(headers).filter((name) => name.startsWith('access-control')),
      [],
      path,
    )
  }
})
