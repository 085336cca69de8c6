/** What backups ask of a node over HTTP: pages of rows, and rows to be taken back. */
import test from 'ava'
import { makeRowKey } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { type CopiedRow, decodePage, encodeRows } from '../../src/wire/copied-rows.js'
import { rowsByRange } from '../model/backup-objects.js'
import { HttpEdge } from '../model/http-edge.js'

const PAGE = '/v1/cluster/backup'
const TAKE = '/v1/cluster/restore'
const inOrder = (rows: readonly CopiedRow[]) =>
  [...rows].sort((one, other) => Buffer.compare(one.rowKey, other.rowKey))

test('a page shows rows of a range, or digests of them; restored elsewhere they are the same', async (t) => {
  const [edge, other] = [await HttpEdge.during(t), await HttpEdge.during(t)]
  for (let key = 0; key < 30; key++) await edge.put(`/v1/kv/b/k${key}`, `value ${key}`)
  await edge.delete('/v1/kv/b/k3')
  const page = await edge.get(PAGE)
  t.is(page.status, 200)
  t.is(page.headers['content-type'], 'application/octet-stream')
  t.is(page.headers['cache-control'], 'no-store')
  const { rows, ring, next, incomplete, digests } = decodePage(page.body)
  t.deepEqual(
    [rows.length, ring, next.length, incomplete, digests],
    [30, '0123456789abcdef', 0, false, false],
  )
  const half = decodePage((await edge.get(`${PAGE}?of=rows&from=0000&to=8000`)).body).rows
  t.deepEqual(
    half.map(({ rowKey }) => rowKey),
    rows.map(({ rowKey }) => rowKey).filter((rowKey) => rowKey[0]! < 0x80),
  )
  const digested = decodePage((await edge.get(`${PAGE}?of=digests`)).body)
  t.true(digested.digests && digested.rows.every(({ object }) => object.length === 16))
  t.is(decodePage((await edge.get(`${PAGE}?of=kept`)).body).rows.length, 0)

  const taken = await other.send('POST', TAKE, { body: encodeRows(rows) })
  t.deepEqual([taken.status, taken.json], [200, { written: 30, known: 0, held: 0, failed: 0 }])
  t.is((await other.get('/v1/kv/b/k7')).text, 'value 7')
  t.is((await other.get('/v1/kv/b/k3')).status, 404)
  t.deepEqual((await other.get(PAGE)).body, page.body)
})

test('what a member remembered, and what is allowed, reach the node', async (t) => {
  const edge = await HttpEdge.during(t)
  const body = encodeRows([])
  await edge.send('POST', `${TAKE}?history=00112233aabbccdd&rounds=12&reaped=allow`, { body })
  await edge.send('POST', TAKE, { body })
  t.like(edge.database.restores[0]!, {
    mark: { history: '00112233aabbccdd', rounds: 12 },
    allowReaped: true,
    rows: [],
  })
  t.like(edge.database.restores[1]!, { mark: undefined, allowReaped: false })
  t.deepEqual((await edge.get('/v1/cluster')).json.reapHistory, {
    history: '00112233aabbccdd',
    rounds: 3,
    fromFoundation: true,
  })
})

test('what is no batch of rows is refused as a whole, and changes nothing', async (t) => {
  const edge = await HttpEdge.during(t)
  const [one, two] = inOrder(rowsByRange(60).flat()) as [CopiedRow, CopiedRow]
  const far = makeRowKey(Buffer.from('b'), Buffer.from('k'))
  far[0]! ^= 1
  const damaged = Buffer.from(two.object)
  damaged[3] = 0xff
  const bodies: Record<string, Uint8Array> = {
    'no rows': Buffer.from('no rows'),
    'cut short': encodeRows([one, two]).subarray(0, -1),
    'out of order': encodeRows([two, one]),
    'the hash of another key': encodeRows([{ ...one, rowKey: far }]),
    'a key that promises more than is there': encodeRows([{ ...one, rowKey: Uint8Array.of(0, 0, 9, 98) }]),
    'no key at all': encodeRows([{ ...one, rowKey: new Uint8Array(0) }]),
    'a damaged object': encodeRows([one, { ...two, object: damaged }]),
    'no object': encodeRows([{ ...one, object: new Uint8Array(0) }]),
  }
  for (const [what, body] of Object.entries(bodies)) {
    const answer = await edge.send('POST', TAKE, { body })
    t.deepEqual([answer.status, answer.json.error.code], [400, 'BAD_PARAM'], what)
  }
  t.deepEqual(edge.database.restores, [])
})

test('more than a request takes is refused by its head', async (t) => {
  const edge = await HttpEdge.during(t)
  const headers = { 'content-length': String(limits.restoredBytes + 1), expect: '100-continue' }
  const answer = await edge.send('POST', TAKE, { headers })
  t.deepEqual([answer.status, answer.json.error.code], [413, 'TOO_LARGE'])
})

test('unknown and senseless parameters are refused', async (t) => {
  const edge = await HttpEdge.during(t)
  for (const query of ['of=all', 'from=0', 'from=zz', 'to=ABCD', `from=${'00'.repeat(1300)}`, 'x=1'])
    t.is((await edge.get(`${PAGE}?${query}`)).status, 400, query.slice(0, 20))
  const half = ['history=00112233aabbccdd', 'rounds=1', 'history=1&rounds=1', 'reaped=yes']
  for (const query of half)
    t.is((await edge.send('POST', `${TAKE}?${query}`, { body: '' })).status, 400, query)
  t.is((await edge.send('POST', PAGE, { body: '' })).status, 405)
  t.is((await edge.get(TAKE)).status, 405)
})
