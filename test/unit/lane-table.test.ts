import test from 'ava'
import { makeRowKey } from '../../src/kernel/index.js'
import { Lane, LaneTable } from '../../src/protocol/replica/lane-table.js'

/** Keys whose row keys fall into one bucket of 4096: they differ from their twelfth bit of hash on, or not in the hash at all. */
function keysOfOneBucket(count: number): Uint8Array[] {
  const found: Uint8Array[] = []
  const first = makeRowKey(Buffer.from('b'), Buffer.from('0'))
  const bucket = (key: Uint8Array) => ((key[0]! << 8) | key[1]!) & 4095
  for (let i = 0; found.length < count; i++) {
    const key = makeRowKey(Buffer.from('b'), Buffer.from(String(i)))
    if (bucket(key) === bucket(first)) found.push(key)
  }
  return found
}

test('lanes of one bucket are found by their key, and leave in any order', (t) => {
  const keys = keysOfOneBucket(5)
  for (const order of [
    [0, 1, 2, 3, 4],
    [4, 3, 2, 1, 0],
    [2, 0, 4, 1, 3],
  ]) {
    const table = new LaneTable<Lane>()
    const lanes = keys.map((key) => new Lane(key))
    for (const lane of lanes) table.add(lane)
    const left = new Set(lanes)
    for (const index of order) {
      table.delete(lanes[index]!)
      table.delete(lanes[index]!)
      left.delete(lanes[index]!)
      t.is(table.size, left.size)
      for (const lane of lanes) t.is(table.get(Buffer.from(lane.rowKey)), left.has(lane) ? lane : undefined)
    }
  }
})

test('a lane that left holds no other', (t) => {
  const [a, b] = keysOfOneBucket(2).map((key) => new Lane(key))
  const table = new LaneTable<Lane>()
  table.add(a!)
  table.add(b!)
  table.delete(b!)
  t.is(b!.next, undefined)
  t.is(table.get(a!.rowKey), a)
})
