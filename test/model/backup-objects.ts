/**
 * Keys for backups: most with a value, some with several, some with a deletion beside it, some written over. The same number gives the same bytes. None is nothing but a
 * deletion: those are let go of within seconds, and no two copies of a cluster would be the same.
 */
import { makeRowKey, objectClock, rowObject } from '../../src/kernel/index.js'
import type { CopiedRow } from '../../src/wire/copied-rows.js'
import { putRow } from './objects.js'

const NOTHING = new Uint8Array(0)
const BUCKET = Buffer.from('backed-up')

export function keyOf(number: number): Buffer {
  return Buffer.from(`key-${number}`)
}

export function rowOf(number: number, valueBytes = 60): CopiedRow {
  const value = `${number} `.padEnd(valueBytes, '.')
  const first = putRow(NOTHING, `a${number % 7}`, { value })
  return { rowKey: makeRowKey(BUCKET, keyOf(number)), object: rowObject(further(first, number, value)) }
}

function further(first: Uint8Array, number: number, value: string): Uint8Array {
  const context = Buffer.from(objectClock(rowObject(first)))
  switch (number % 16) {
    case 1:
      return putRow(first, 'b', { value: `other ${value}` })
    case 2:
      return putRow(first, 'c', { tombstone: true })
    case 3:
      return putRow(first, 'd', { value: `later ${value}`, context })
    case 4:
      return putRow(putRow(first, 'e', { tombstone: true }), 'f', { value: 'third' })
    default:
      return first
  }
}

/** Rows 0 … `count` − 1, in the order of their keys within each first byte; gives 256 lists. */
export function rowsByRange(count: number): CopiedRow[][] {
  const ranges: CopiedRow[][] = Array.from({ length: 256 }, () => [])
  for (let number = 0; number < count; number++) {
    const row = rowOf(number)
    ranges[row.rowKey[0]!]!.push(row)
  }
  for (const rows of ranges) rows.sort((one, other) => Buffer.compare(one.rowKey, other.rowKey))
  return ranges
}
