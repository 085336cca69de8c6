/**
 * What is recorded of moving partitions, as bytes. Ids and lists are said once and then named by number: of 65,536 partitions most share their lists
 * with others.
 */
import { limits } from '../../limits.js'
import { type ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'
import { type Handing, handingOrder, LIST_SEPARATOR, listText, type Moves, type Settled } from './moves.js'

const TABLE = /^[0-9a-f]{16}$/

/** Numbers given to texts in the order of their first use. */
class Numbered {
  readonly all: string[] = []
  readonly #numbers = new Map<string, number>()

  of(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.all.length)
    this.all.push(text)
    return this.all.length - 1
  }
}

const encodings = new WeakMap<Moves, Uint8Array>()

/** Never changed by anybody: written once for the disk, for gossip, and to be compared. */
export function encodeMoves(writer: ByteWriter, moves: Moves): void {
  const known = encodings.get(moves) ?? encoded(moves)
  encodings.set(moves, known)
  writer.raw(known)
}

function encoded({ settled, handings, left }: Moves): Uint8Array {
  const writer = new ByteWriter(1024)
  const ids = new Numbered()
  const lists = new Numbered()
  for (const { list } of settled) lists.of(listText(list))
  // In the order of the partitions, whoever recorded what first: equal states have equal bytes.
  for (const { handed } of handings) for (const [, list] of byPartition(handed)) lists.of(listText(list))
  const split = lists.all.map((list) => list.split(LIST_SEPARATOR).map((id) => ids.of(id)))
  for (const { by, gone } of handings) for (const id of [by, ...gone]) ids.of(id)
  for (const id of left) ids.of(id)
  writer.u32(ids.all.length)
  for (const id of ids.all) writer.raw(Buffer.from(id, 'hex'))
  writer.u32(split.length)
  for (const list of split) writeNumbers(writer, list)
  for (const { level, list } of settled) {
    writer.u32(level)
    writer.u32(lists.of(listText(list)))
  }
  writer.u32(handings.length)
  for (const handing of handings) encodeHanding(writer, handing, ids, lists)
  writeNumbers(
    writer,
    left.map((id) => ids.of(id)),
  )
  return writer.take()
}

function encodeHanding(writer: ByteWriter, handing: Handing, ids: Numbered, lists: Numbered): void {
  writer.u16(ids.of(handing.by))
  writer.u32(handing.level)
  writer.text(handing.table)
  writeNumbers(
    writer,
    handing.gone.map((id) => ids.of(id)),
  )
  const handed = byPartition(handing.handed)
  writer.u32(handed.length)
  for (const [partition, list] of handed) {
    writer.u32(partition)
    writer.u32(lists.of(listText(list)))
  }
  const released = [...handing.released].sort((a, b) => a - b)
  writer.u32(released.length)
  for (const partition of released) writer.u32(partition)
}

function byPartition<T>(all: ReadonlyMap<number, T>): [number, T][] {
  return [...all].sort(([a], [b]) => a - b)
}

function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.u16(numbers.length)
  for (const number of numbers) writer.u16(number)
}

/** Total: throws WireError for anything that encodeMoves does not write. */
export function decodeMoves(reader: ByteReader, partitions: number): Moves {
  const ids: string[] = []
  for (let left = reader.count(16); left > 0; left--) ids.push(reader.raw(16).toString('hex'))
  if (ids.length > limits.members || new Set(ids).size < ids.length)
    throw new WireError('members are named twice, or there are too many')
  const lists: (readonly string[])[] = []
  for (let left = reader.count(4); left > 0; left--) lists.push(readList(reader, ids))
  const settled: Settled[] = []
  for (let p = 0; p < partitions; p++) settled.push({ level: reader.u32(), list: named(lists, reader.u32()) })
  const handings: Handing[] = []
  for (let left = reader.count(20); left > 0; left--)
    handings.push(decodeHanding(reader, ids, lists, partitions))
  if (handings.some((one, i) => i > 0 && handingOrder(handings[i - 1]!, one) >= 0))
    throw new WireError('what was handed over is out of order')
  return { settled, handings, left: readIds(reader, ids) }
}

function decodeHanding(
  reader: ByteReader,
  ids: readonly string[],
  lists: readonly (readonly string[])[],
  partitions: number,
): Handing {
  const by = named(ids, reader.u16())
  const level = reader.u32()
  const table = reader.text(16)
  if (!TABLE.test(table)) throw new WireError('the name of a table has 16 hex digits')
  const gone = readIds(reader, ids)
  const handed = new Map<number, readonly string[]>()
  for (let left = reader.count(8); left > 0; left--)
    handed.set(within(reader.u32(), partitions), named(lists, reader.u32()))
  const released = new Set<number>()
  for (let left = reader.count(4); left > 0; left--) released.add(within(reader.u32(), partitions))
  return { by, level, table, gone, handed, released }
}

function readList(reader: ByteReader, ids: readonly string[]): readonly string[] {
  const list = readIds(reader, ids)
  if (list.length === 0 || list.length > limits.replicas)
    throw new WireError(`a partition has 1 to ${limits.replicas} owners`)
  return list
}

function readIds(reader: ByteReader, ids: readonly string[]): readonly string[] {
  return Array.from({ length: reader.u16() }, () => named(ids, reader.u16()))
}

function named<T>(all: readonly T[], number: number): T {
  const one = all[number]
  if (one === undefined) throw new WireError('a number names nothing')
  return one
}

function within(partition: number, partitions: number): number {
  if (partition >= partitions) throw new WireError('a partition is out of range')
  return partition
}
