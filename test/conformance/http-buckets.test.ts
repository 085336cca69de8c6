/** Properties of buckets over HTTP: what is shown, what is taken, what is refused. */
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

const DEFAULTS = { r: 'quorum', w: 'quorum', sloppy: true, resolve: 'siblings', ttlSeconds: null }

test('a bucket has the defaults until something is set, and again when that is dropped', async (t) => {
  const before = await edge.get('/v1/buckets/carts')
  t.is(before.status, 200)
  t.is(before.headers['content-type'], 'application/json')
  t.deepEqual(before.json, { bucket: 'carts', ...DEFAULTS })
  const put = await edge.put('/v1/buckets/carts', '{"r":1,"w":"all","sloppy":false}')
  t.is(put.status, 200)
  t.deepEqual(put.json, { bucket: 'carts', ...DEFAULTS, r: 1, w: 'all', sloppy: false })
  t.deepEqual((await edge.get('/v1/buckets/carts')).json, put.json)
  t.deepEqual((await edge.get('/v1/buckets/cart')).json, { bucket: 'cart', ...DEFAULTS })
  const replaced = await edge.put(
    '/v1/buckets/carts',
    '{"w":2,"r":null,"resolve":"siblings","ttlSeconds":null}',
  )
  t.deepEqual(replaced.json, { bucket: 'carts', ...DEFAULTS, w: 2 })
  const dropped = await edge.delete('/v1/buckets/carts')
  t.is(dropped.status, 204)
  t.is(dropped.text, '')
  t.deepEqual((await edge.get('/v1/buckets/carts')).json, { bucket: 'carts', ...DEFAULTS })
  t.is((await edge.delete('/v1/buckets/carts')).status, 204)
})

test('any bucket has properties, and its name is decoded once', async (t) => {
  const put = await edge.put('/v1/buckets/a%2Fb%2520%F0%9F%9B%92', '{"r":"one"}')
  t.is(put.json.bucket, 'a/b%20🛒')
  t.is((await edge.get('/v1/buckets/a%2Fb%2520%F0%9F%9B%92')).json.r, 'one')
  t.is((await edge.put('/v1/buckets/__proto__', '{"r":"one"}')).json.bucket, '__proto__')
  t.is((await edge.get('/v1/buckets/constructor')).json.r, 'quorum')
})

for (const [body, about] of [
  ['', /JSON object/],
  ['[]', /JSON object/],
  ['null', /JSON object/],
  ['{"r":1', /JSON object/],
  ['{"r":0}', /r is one, quorum, all or a number/],
  ['{"r":16}', /r is one, quorum, all or a number/],
  ['{"w":1.5}', /w is one, quorum, all or a number/],
  ['{"w":"most"}', /w is one, quorum, all or a number/],
  ['{"r":4}', /at most 3/],
  ['{"sloppy":"no"}', /sloppy is true or false/],
  ['{"resolve":"lww"}', /only "siblings"/],
  ['{"ttlSeconds":60}', /only null/],
  ['{"R":1}', /no property "R"/],
  ['{"__proto__":1}', /no property "__proto__"/],
] as const) {
  test(`refused, and nothing changed: ${body}`, async (t) => {
    await edge.put('/v1/buckets/kept', '{"r":2}')
    const refused = await edge.put('/v1/buckets/kept', body)
    t.is(refused.status, 400)
    t.is(refused.json.error.code, 'BAD_PARAM')
    t.regex(refused.json.error.message, about)
    t.is((await edge.get('/v1/buckets/kept')).json.r, 2)
  })
}

test('paths around a bucket', async (t) => {
  t.is((await edge.get('/v1/buckets')).status, 404)
  t.is((await edge.get('/v1/buckets/')).json.error.code, 'BAD_KEY')
  t.is((await edge.get('/v1/buckets/%ff')).json.error.code, 'BAD_KEY')
  t.is((await edge.get(`/v1/buckets/${'b'.repeat(255)}`)).status, 200)
  t.is((await edge.get(`/v1/buckets/${'b'.repeat(256)}`)).json.error.code, 'BAD_KEY')
  t.is((await edge.get('/v1/buckets/b/')).status, 404)
  t.is((await edge.get('/v1/buckets/b/k')).status, 404)
  t.is((await edge.get('/v1/buckets/b?x=1')).json.error.code, 'BAD_PARAM')
  t.is((await edge.put('/v1/buckets/b', ' '.repeat(4097))).json.error.code, 'TOO_LARGE')
  const wrong = await edge.send('POST', '/v1/buckets/b')
  t.is(wrong.status, 405)
  t.is(wrong.headers.allow, 'GET, HEAD, PUT, DELETE')
})
