/** Wrong code that canaries put in the place of right code; only ever loaded by a patched module. */
import { readObject, readRow } from './object-reader.js'

/** Last writer wins, by wall clock. */
export function isLater(object: Uint8Array, row: Uint8Array): boolean {
  return row.length === 0 || wallMsOf(readObject(object).siblings) > wallMsOf(readRow(row).object.siblings)
}

function wallMsOf(siblings: readonly { readonly wallMs: number }[]): number {
  return Math.max(0, ...siblings.map((sibling) => sibling.wallMs))
}

/** The length of the row once its last sibling is cut off, which is written into the row; the same length where there is only one. */
export function withoutLastSibling(row: Uint8Array, length: number): number {
  const { object, objectBytes } = readRow(row.subarray(0, length))
  const last = object.siblings.at(-1)
  if (last === undefined || object.siblings.length < 2 || object.siblings.length > 127) return length
  const countAt = length - objectBytes.length + 2 + object.clockBytes.length
  row[countAt] = object.siblings.length - 1
  return startOfSibling(row, countAt + 1, object.siblings.length - 1)
}

/** Siblings lie one after the other, each behind its length. */
function startOfSibling(row: Uint8Array, first: number, index: number): number {
  let at = first
  for (let passed = 0; passed < index; passed += 1) {
    let length = 0
    let scale = 1
    for (;;) {
      const byte = row[at] as number
      at += 1
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
      scale *= 128
    }
    at += length
  }
  return at
}
