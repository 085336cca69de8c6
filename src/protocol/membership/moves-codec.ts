/**
 * What is recorded of moving partitions, as bytes. Ids and lists are said once and then named by number: of 65,536 partitions most share their lists
 * with others.
 *
 *     ids, lists, settled lists of all partitions      what one *spelling* begins with
 *     handings                                         each with two blocks of numbers: what was handed over, and what was released
 *     members that left
 *
 * The same is written and read over and over while partitions move, each time with a little more. So the spellings seen last are remembered, and what lies between two
 * blocks that are known is all that is looked at: in whichever direction it was met first, the same bytes are the same objects.
 */
import { limits } from '../../limits.js'
import { type ByteReader, ByteWriter, WireError } from '../../wire/bytes.js'
import { type Handing, handingOrder, LIST_SEPARATOR, listText, type Moves, type Settled } from './moves.js'

const TABLE = /^[0-9a-f]{16}$/
const HANDED_BYTES = 8
const RELEASED_BYTES = 4
/** So many are remembered. */
const SPELLINGS = 4

/** Numbers given to texts in the order of their first use. */
class Numbered {
  readonly all: string[]
  readonly #numbers: Map<string, number>

  constructor(all: Iterable<string> = []) {
    this.all = [...all]
    this.#numbers = new Map(this.all.map((text, number) => [text, number]))
  }

  of(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.all.length)
    this.all.push(text)
    return this.all.length - 1
  }
}

/** The parts of a handing that were met last under one table by one node, beside their bytes. */
interface Blocks {
  readonly handed: Handing['handed']
  readonly handedBytes: Buffer
  readonly released: Handing['released']
  readonly releasedBytes: Buffer
  /** What both belonged to, where that is known. */
  readonly handing: Handing | undefined
}

interface Spelling {
  readonly start: Buffer
  readonly ids: Numbered
  readonly lists: Numbered
  /** In the order of their numbers. */
  readonly listed: readonly (readonly string[])[]
  readonly settled: readonly Settled[]
  /** By table and node. */
  readonly blocks: Map<string, Blocks>
}

/** The latest last. */
const spellings: Spelling[] = []

function remember(spelling: Spelling): Spelling {
  spellings.push(spelling)
  if (spellings.length > SPELLINGS) spellings.shift()
  return spelling
}

const encodings = new WeakMap<Moves, Uint8Array>()

/** Never changed by anybody: written once for the disk, for gossip, and to be compared. */
export function encodeMoves(writer: ByteWriter, moves: Moves): void {
  const known = encodings.get(moves) ?? encoded(moves)
  encodings.set(moves, known)
  writer.raw(known)
}

function encoded(moves: Moves): Uint8Array {
  const { handings, left } = moves
  const spelling = spellingOf(moves)
  const writer = new ByteWriter(spelling.start.length + 1024)
  writer.raw(spelling.start)
  writer.u32(handings.length)
  for (const handing of handings) encodeHanding(writer, handing, spelling)
  writeIds(writer, left, spelling.ids)
  return writer.take()
}

/** The lists that partitions are settled with, in the order of their first use. */
const settledTexts = new WeakMap<readonly Settled[], readonly string[]>()
/** Those that a node handed partitions over to, in the order of the partitions. */
const handedTexts = new WeakMap<Handing['handed'], readonly string[]>()

function textsOf(settled: readonly Settled[]): readonly string[] {
  const known = settledTexts.get(settled) ?? [...new Set(settled.map(({ list }) => listText(list)))]
  settledTexts.set(settled, known)
  return known
}

function textsOfHanded(handed: Handing['handed']): readonly string[] {
  const known = handedTexts.get(handed)
  if (known !== undefined) return known
  const texts = new Set<string>()
  for (const partition of rising(handed.keys(), handed.size)) texts.add(listText(handed.get(partition)!))
  const found = [...texts]
  handedTexts.set(handed, found)
  return found
}

function spellingOf({ settled, handings, left }: Moves): Spelling {
  const lists = new Numbered(textsOf(settled))
  // In the order of the partitions, whoever recorded what first: equal states have equal bytes.
  for (const { handed } of handings) for (const text of textsOfHanded(handed)) lists.of(text)
  const listed = lists.all.map((list) => list.split(LIST_SEPARATOR))
  const ids = new Numbered(new Set(listed.flat()))
  for (const { by, gone } of handings) for (const id of [by, ...gone]) ids.of(id)
  for (const id of left) ids.of(id)
  const known = spellings.findLast(
    (one) =>
      one.settled === settled && sameTexts(one.ids.all, ids.all) && sameTexts(one.lists.all, lists.all),
  )
  if (known !== undefined) return known
  const start = spelled(ids, lists, listed, settled)
  return remember({ start, ids, lists, listed, settled, blocks: new Map() })
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i])
}

function spelled(
  ids: Numbered,
  lists: Numbered,
  listed: readonly (readonly string[])[],
  settled: readonly Settled[],
): Buffer {
  const writer = new ByteWriter(1024 + settled.length * HANDED_BYTES)
  writer.u32(ids.all.length)
  for (const id of ids.all) writer.raw(Buffer.from(id, 'hex'))
  writer.u32(listed.length)
  for (const list of listed) writeIds(writer, list, ids)
  for (const { level, list } of settled) {
    writer.u32(level)
    writer.u32(lists.of(listText(list)))
  }
  return writer.take()
}

function nameOf({ level, table, by }: Pick<Handing, 'level' | 'table' | 'by'>): string {
  return `${level} ${table} ${by}`
}

function encodeHanding(writer: ByteWriter, handing: Handing, { ids, lists, blocks }: Spelling): void {
  const { by, level, table, gone, handed, released } = handing
  const name = nameOf(handing)
  const known = blocks.get(name)
  const handedBytes = known?.handed === handed ? known.handedBytes : handedBlock(handed, lists)
  const releasedBytes = known?.released === released ? known.releasedBytes : releasedBlock(released)
  keep(blocks, name, { handed, handedBytes, released, releasedBytes, handing })
  writer.u16(ids.of(by))
  writer.u32(level)
  writer.text(table)
  writeIds(writer, gone, ids)
  writer.u32(handed.size)
  writer.raw(handedBytes)
  writer.u32(released.size)
  writer.raw(releasedBytes)
}

function keep(blocks: Spelling['blocks'], name: string, block: Blocks): void {
  if (blocks.size >= limits.members) blocks.clear()
  blocks.set(name, block)
}

function handedBlock(handed: Handing['handed'], lists: Numbered): Buffer {
  const block = Buffer.alloc(handed.size * HANDED_BYTES)
  let at = 0
  for (const partition of rising(handed.keys(), handed.size)) {
    at = block.writeUInt32LE(partition, at)
    at = block.writeUInt32LE(lists.of(listText(handed.get(partition)!)), at)
  }
  return block
}

function releasedBlock(released: Handing['released']): Buffer {
  const block = Buffer.alloc(released.size * RELEASED_BYTES)
  let at = 0
  for (const partition of rising(released, released.size)) at = block.writeUInt32LE(partition, at)
  return block
}

function rising(partitions: Iterable<number>, count: number): Uint32Array {
  const all = new Uint32Array(count)
  let at = 0
  for (const partition of partitions) all[at++] = partition
  return all.sort()
}

function writeIds(writer: ByteWriter, all: readonly string[], ids: Numbered): void {
  writer.u16(all.length)
  for (const id of all) writer.u16(ids.of(id))
}

/** Total: throws WireError for anything that encodeMoves does not write. */
export function decodeMoves(reader: ByteReader, partitions: number): Moves {
  const spelling = readSpelling(reader, partitions)
  const handings: Handing[] = []
  for (let left = reader.count(20); left > 0; left--) handings.push(decodeHanding(reader, spelling))
  if (handings.some((one, i) => i > 0 && handingOrder(handings[i - 1]!, one) >= 0))
    throw new WireError('what was handed over is out of order')
  return { settled: spelling.settled, handings, left: readIds(reader, spelling.ids.all) }
}

function readSpelling(reader: ByteReader, partitions: number): Spelling {
  const known = spellings.findLast(
    ({ settled, start }) => settled.length === partitions && reader.passes(start),
  )
  if (known !== undefined) return known
  const from = reader.at
  const ids: string[] = []
  for (let left = reader.count(16); left > 0; left--) ids.push(reader.raw(16).toString('hex'))
  if (ids.length > limits.members || new Set(ids).size < ids.length)
    throw new WireError('members are named twice, or there are too many')
  const listed: (readonly string[])[] = []
  for (let left = reader.count(4); left > 0; left--) listed.push(readList(reader, ids))
  const settled: Settled[] = []
  for (let p = 0; p < partitions; p++)
    settled.push({ level: reader.u32(), list: named(listed, reader.u32()) })
  // A copy: it came in a frame, which may be large.
  const start = Buffer.from(reader.since(from))
  const lists = new Numbered(listed.map(listText))
  return remember({ start, ids: new Numbered(ids), lists, listed, settled, blocks: new Map() })
}

function decodeHanding(reader: ByteReader, { ids, listed, settled, blocks }: Spelling): Handing {
  const by = named(ids.all, reader.u16())
  const level = reader.u32()
  const table = reader.text(16)
  if (!TABLE.test(table)) throw new WireError('the name of a table has 16 hex digits')
  const gone = readIds(reader, ids.all)
  const handedBytes = reader.raw(reader.count(HANDED_BYTES) * HANDED_BYTES)
  const releasedBytes = reader.raw(reader.count(RELEASED_BYTES) * RELEASED_BYTES)
  const name = nameOf({ by, level, table })
  const known = blocks.get(name)
  const isHandedKnown = known?.handedBytes.equals(handedBytes) === true
  const isReleasedKnown = known?.releasedBytes.equals(releasedBytes) === true
  const isKnown = isHandedKnown && isReleasedKnown && sameTexts(known.handing?.gone ?? [], gone)
  if (isKnown && known.handing !== undefined) return known.handing
  const handed = isHandedKnown ? known.handed : readHanded(handedBytes, settled.length, listed)
  const released = isReleasedKnown ? known.released : readReleased(releasedBytes, settled.length)
  const handing = { by, level, table, gone, handed, released }
  keep(blocks, name, {
    handed,
    handedBytes: isHandedKnown ? known.handedBytes : Buffer.from(handedBytes),
    released,
    releasedBytes: isReleasedKnown ? known.releasedBytes : Buffer.from(releasedBytes),
    handing,
  })
  return handing
}

function readHanded(
  bytes: Buffer,
  partitions: number,
  listed: readonly (readonly string[])[],
): Handing['handed'] {
  const handed = new Map<number, readonly string[]>()
  let last = -1
  for (let at = 0; at < bytes.length; at += HANDED_BYTES) {
    last = following(last, bytes.readUInt32LE(at), partitions)
    handed.set(last, named(listed, bytes.readUInt32LE(at + 4)))
  }
  return handed
}

function readReleased(bytes: Buffer, partitions: number): Handing['released'] {
  const released = new Set<number>()
  let last = -1
  for (let at = 0; at < bytes.length; at += RELEASED_BYTES) {
    last = following(last, bytes.readUInt32LE(at), partitions)
    released.add(last)
  }
  return released
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

/** Partitions are told in their order: else one state would have two spellings. */
function following(last: number, partition: number, partitions: number): number {
  if (partition >= partitions) throw new WireError('a partition is out of range')
  if (partition <= last) throw new WireError('partitions are out of order')
  return partition
}
