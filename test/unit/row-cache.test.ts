import test from 'ava'
import fc from 'fast-check'
import { RowCache } from '../../src/node/guard/row-cache.js'
import { hashOf, RowIndex } from '../../src/node/guard/row-index.js'

const BUDGET_BYTES = 64_000

const NOTHING = new Uint8Array(0)
const keyOf = (name: string): Buffer => Buffer.from(name)

type Step = {
  readonly do: 'set' | 'make' | 'abandon' | 'get' | 'delete'
  readonly key: number
  readonly bytes: number
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('set', 'set', 'make', 'make', 'abandon', 'get', 'delete'),
  key: fc.nat(30),
  bytes: fc.nat(700),
})

test('whatever happens, it holds the last row of a key or nothing, within its budget', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const cache = new RowCache(BUDGET_BYTES)
      const last = new Map<string, Uint8Array>()
      for (const [index, { do: action, key, bytes }] of steps.entries()) {
        const name = `key${key}`
        const rowKey = keyOf(name)
        if (action === 'get') {
          const row = cache.get(rowKey)
          if (row !== undefined && Buffer.compare(row, last.get(name) ?? NOTHING) !== 0) return false
        } else if (action === 'set') {
          const row = new Uint8Array(1 + bytes).fill(index % 256)
          cache.set(rowKey, row)
          last.set(name, row)
        } else if (action === 'make') {
          const row = cache
            .fit(rowKey, cache.take(rowKey, bytes + 50).fill(0xee), 1 + bytes)
            .fill(index % 256)
          cache.set(rowKey, row)
          last.set(name, Uint8Array.from(row))
        } else if (action === 'abandon') {
          cache.fit(rowKey, cache.take(rowKey, bytes + 50).fill(0xdd), index % 2 === 0 ? 0 : bytes)
        } else {
          cache.delete(rowKey)
          last.delete(name)
        }
        if (cache.bytes > BUDGET_BYTES) return false
      }
      return true
    }),
  )
  t.pass()
})

test('what is used stays while others come and go; what is not used goes', (t) => {
  const cache = new RowCache(200_000)
  cache.set(keyOf('used'), new Uint8Array(100))
  cache.set(keyOf('unused'), new Uint8Array(100))
  for (let i = 0; i < 10_000; i++) {
    cache.set(keyOf(`other${i}`), new Uint8Array(100))
    t.not(cache.get(keyOf('used')), undefined)
  }
  t.is(cache.get(keyOf('unused')), undefined)
})

test('a row too large to be worth it leaves no older row of its key behind', (t) => {
  const cache = new RowCache(100_000)
  cache.set(keyOf('k'), new Uint8Array(10))
  cache.set(keyOf('k'), new Uint8Array(3_000))
  t.is(cache.get(keyOf('k')), undefined)
})

test('cleared, it holds nothing', (t) => {
  const cache = new RowCache(100_000)
  cache.set(keyOf('k'), new Uint8Array(10))
  t.is(cache.get(keyOf('k'))?.length, 10)
  cache.clear()
  t.is(cache.get(keyOf('k')), undefined)
  t.is(cache.bytes, 0)
})

test('what was handed out stays as it is, however much comes after', (t) => {
  const cache = new RowCache(100_000)
  cache.set(keyOf('k'), Buffer.from('the row'))
  const row = cache.get(keyOf('k'))!
  for (let i = 0; i < 5_000; i++) cache.set(keyOf(`other${i % 700}`), new Uint8Array(300).fill(i))
  t.is(Buffer.from(row).toString(), 'the row')
  t.is(cache.get(keyOf('k')), undefined)
})

test('without a budget nothing is kept', (t) => {
  const cache = new RowCache(0)
  cache.set(keyOf('k'), new Uint8Array(1))
  t.is(cache.get(keyOf('k')), undefined)
  t.is(cache.bytes, 0)
})

test('a row made in lent room is kept where it is, however much later it becomes durable', (t) => {
  const cache = new RowCache(4_000_000)
  const made = Array.from({ length: 40 }, (_, i) => {
    const name = keyOf(`key${i}`)
    return { name, row: cache.fit(name, cache.take(name, 2_000), 1_000 + i).fill(i) }
  })
  for (const { name, row } of made) cache.set(name, row)
  for (const [i, { name, row }] of made.entries()) {
    const kept = cache.get(name)!
    t.deepEqual(Buffer.from(kept), Buffer.alloc(1_000 + i, i))
    t.is(kept.byteOffset, row.byteOffset)
  }
})

test('a row made before the cache was cleared is copied', (t) => {
  const cache = new RowCache(4_000_000)
  const row = cache.fit(keyOf('k'), cache.take(keyOf('k'), 100), 100).fill(3)
  cache.clear()
  cache.set(keyOf('k'), row)
  row.fill(4)
  t.deepEqual(Buffer.from(cache.get(keyOf('k'))!), Buffer.alloc(100, 3))
})

test('keys of one hash are told apart, also where one of them has gone', (t) => {
  const [one, other] = collidingKeys()
  const cache = new RowCache(100_000)
  cache.set(one, Buffer.from('one'))
  cache.set(other, Buffer.from('other'))
  t.is(Buffer.from(cache.get(one)!).toString(), 'one')
  t.is(Buffer.from(cache.get(other)!).toString(), 'other')
  cache.delete(one)
  t.is(cache.get(one), undefined)
  t.is(Buffer.from(cache.get(other)!).toString(), 'other')
})

test('a row made for one key is not taken for that of another', (t) => {
  const cache = new RowCache(100_000)
  const row = cache.fit(keyOf('a'), cache.take(keyOf('a'), 10), 10).fill(1)
  cache.set(keyOf('b'), row)
  t.not(cache.get(keyOf('b'))!.byteOffset, row.byteOffset)
  t.is(cache.get(keyOf('a')), undefined)
})

/** Found by their birthdays: some 77,000 keys have two of one hash. */
function collidingKeys(): readonly [Buffer, Buffer] {
  const seen = new Map<number, number>()
  for (let i = 0; ; i++) {
    const key = keyOf(`colliding${i}`)
    const hash = hashOf(key, 0, key.length, 0)
    const before = seen.get(hash)
    if (before !== undefined) return [keyOf(`colliding${before}`), key]
    seen.set(hash, i)
  }
}

test('an index over many comings and goings is a map', (t) => {
  const hash = fc.nat(7).map((low) => (low * 0x9e3779b9) | 0)
  const step = fc.record({ hash, place: fc.nat(40), adds: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const index = new RowIndex()
      const expected = new Map<number, number>()
      for (const { hash, place, adds } of steps) {
        const slot = slotOf(index, expected.get(place) ?? hash, place)
        if (expected.has(place) !== slot >= 0) return false
        if (slot >= 0 && !adds) {
          index.remove(slot)
          expected.delete(place)
        } else if (slot < 0 && adds) {
          index.add(hash, place)
          expected.set(place, hash)
        }
        if (index.size !== expected.size) return false
      }
      return [...expected].every(([place, hash]) => slotOf(index, hash, place) >= 0)
    }),
  )
  t.pass()
})

function slotOf(index: RowIndex, hash: number, place: number): number {
  let slot = index.next(hash, index.first(hash))
  while (slot >= 0 && index.placeAt(slot) !== place) slot = index.next(hash, slot + 1)
  return slot
}
