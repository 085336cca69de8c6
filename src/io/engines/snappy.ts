/**
 * Decompresses raw Snappy (google/snappy, format_description.txt), which RocksDB uses for its blocks. Total: `undefined` for bytes that are
 * no Snappy stream, or that would become longer than `maxBytes`.
 *
 * The stream: the length of the whole as a varint, then elements. The low two bits of an element's first byte tell its kind:
 * 0 a literal, 1 to 3 a copy of earlier output, with an offset of 11, 16 or 32 bits.
 */
export function snappyDecompress(input: Uint8Array, maxBytes: number): Buffer | undefined {
  const head = varint(input, 0)
  if (head === undefined || head.value > maxBytes) return undefined
  const output = Buffer.allocUnsafe(head.value)
  let at = head.next
  let filled = 0
  while (at < input.length) {
    const element = elementAt(input, at)
    if (element === undefined || filled + element.length > output.length) return undefined
    if (element.offset === 0) {
      output.set(input.subarray(element.next - element.length, element.next), filled)
    } else {
      if (element.offset > filled) return undefined
      // A copy may reach into what it is writing: that is how runs are stored.
      for (let i = filled; i < filled + element.length; i++) output[i] = output[i - element.offset]!
    }
    filled += element.length
    at = element.next
  }
  return filled === output.length ? output : undefined
}

interface Element {
  readonly length: number
  /** How far back a copy begins; 0 for a literal, whose bytes end at `next`. */
  readonly offset: number
  readonly next: number
}

function elementAt(input: Uint8Array, at: number): Element | undefined {
  const tag = input[at]!
  switch (tag & 3) {
    case 0:
      return literal(input, at, tag >> 2)
    case 1:
      return copy(input, at + 2, 4 + ((tag >> 2) & 7), ((tag >> 5) << 8) | (input[at + 1] ?? 0))
    case 2:
      return copy(input, at + 3, (tag >> 2) + 1, littleEndian(input, at + 1, 2))
    default:
      return copy(input, at + 5, (tag >> 2) + 1, littleEndian(input, at + 1, 4))
  }
}

/** Up to 60 the length is in the tag; 60 to 63 say in how many bytes it follows. */
function literal(input: Uint8Array, at: number, code: number): Element | undefined {
  const lengthBytes = code < 60 ? 0 : code - 59
  const length = 1 + (code < 60 ? code : littleEndian(input, at + 1, lengthBytes))
  const next = at + 1 + lengthBytes + length
  return next <= input.length ? { length, offset: 0, next } : undefined
}

function copy(input: Uint8Array, next: number, length: number, offset: number): Element | undefined {
  return next <= input.length && offset > 0 ? { length, offset, next } : undefined
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (input[at + i] ?? 0)
  return value
}

/** A varint of at most 53 bits; `undefined` where it does not end. */
export function varint(input: Uint8Array, at: number): { value: number; next: number } | undefined {
  let value = 0
  let unit = 1
  for (let next = at; next < input.length && unit < 2 ** 49; next++) {
    const byte = input[next]!
    value += (byte & 0x7f) * unit
    if (byte < 0x80) return { value, next: next + 1 }
    unit *= 128
  }
  return undefined
}
