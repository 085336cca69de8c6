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
import { type Handing, handingOrder, listText, type Moves, type Settled, sameList } from './moves.js'

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

  known(text: string): number | undefined {
    return this.#numbers.get(text)
  }
}

/** The parts of a handing that were met last under one table by one node, beside their bytes. */
interface Blocks {
  readonly handed: Handing['handed']
  readonly handedBytes: Buffer
  readonly released: Handing['released']
  readonly releasedBytes: Buffer
  /** What both belong to. */
  readonly handing: Handing
}

/** By table and node. All of a cluster's take some hundred KiB at the most; what a peer invents beyond `limits.movesBytes` is not remembered. */
class KnownBlocks {
  readonly #byName = new Map<string, Blocks>()
  #bytes = 0

  get(name: string): Blocks | undefined {
    return this.#byName.get(name)
  }

  set(name: string, blocks: Blocks): void {
    this.#bytes += bytesOf(blocks) - bytesOf(this.#byName.get(name))
    this.#byName.set(name, blocks)
    if (this.#byName.size <= limits.members && this.#bytes <= limits.movesBytes) return
    this.#byName.clear()
    this.#bytes = 0
  }
}

function bytesOf(blocks: Blocks | undefined): number {
  return blocks === undefined ? 0 : blocks.handedBytes.length + blocks.releasedBytes.length
}

interface Spelling {
  readonly start: Buffer
  readonly ids: Numbered
  readonly lists: Numbered
  /** In the order of their numbers. */
  readonly listed: readonly (readonly string[])[]
  readonly settled: readonly Settled[]
  /** So many of the lists are those that partitions are settled with, and of the ids those that are in lists; undefined where they are not said first, or not in the order of their use, or twice. */
  readonly first: { readonly lists: number; readonly ids: number } | undefined
  readonly blocks: KnownBlocks
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
const settledLists = new WeakMap<readonly Settled[], Lists>()
/** Those that a node handed partitions over to, in the order of the partitions. */
const handedLists = new WeakMap<Handing['handed'], Lists>()

/** Different ones, by their texts. */
type Lists = ReadonlyMap<string, readonly string[]>

function listsOfSettled(settled: readonly Settled[]): Lists {
  const known = settledLists.get(settled) ?? new Map(settled.map(({ list }) => [listText(list), list]))
  settledLists.set(settled, known)
  return known
}

function listsOfHanded(handed: Handing['handed']): Lists {
  const known = handedLists.get(handed)
  if (known !== undefined) return known
  const lists = new Map<string, readonly string[]>()
  for (const partition of rising(handed.keys(), handed.size)) {
    const list = handed.get(partition)!
    lists.set(listText(list), list)
  }
  handedLists.set(handed, lists)
  return lists
}

function spellingOf(moves: Moves): Spelling {
  const { settled, handings, left } = moves
  const known = spellings.findLast((one) => one.settled === settled && fits(one, moves))
  if (known !== undefined) return known
  const all = new Map(listsOfSettled(settled))
  const firstLists = all.size
  // In the order of the partitions, whoever recorded what first: equal states have equal bytes.
  for (const { handed } of handings)
    for (const [text, list] of listsOfHanded(handed)) if (!all.has(text)) all.set(text, list)
  const [lists, listed] = [new Numbered(all.keys()), [...all.values()]]
  const ids = new Numbered()
  for (const list of listed) for (const id of list) ids.of(id)
  const first = { lists: firstLists, ids: ids.all.length }
  for (const { by, gone } of handings) for (const id of [by, ...gone]) ids.of(id)
  for (const id of left) ids.of(id)
  const start = spelled(ids, lists, listed, settled)
  return remember({ start, ids, lists, listed, settled, first, blocks: new KnownBlocks() })
}

/** Would these moves, settled as the spelling is, be spelt with the same lists and ids in the same order? */
function fits({ first, lists, ids }: Spelling, { handings, left }: Moves): boolean {
  if (first === undefined) return false
  const nextList = new Following(lists, first.lists)
  const nextId = new Following(ids, first.ids)
  for (const { by, gone, handed } of handings) {
    for (const text of listsOfHanded(handed).keys()) if (!nextList.takes(text)) return false
    if (!nextId.takes(by) || !gone.every((id) => nextId.takes(id))) return false
  }
  return left.every((id) => nextId.takes(id)) && nextList.isAtEnd && nextId.isAtEnd
}

/** Takes texts that were numbered: those beyond the first ones in the order of their numbers. */
class Following {
  readonly #texts: Numbered
  #next: number

  constructor(texts: Numbered, first: number) {
    this.#texts = texts
    this.#next = first
  }

  get isAtEnd(): boolean {
    return this.#next === this.#texts.all.length
  }

  takes(text: string): boolean {
    const number = this.#texts.known(text)
    if (number === undefined || number > this.#next) return false
    if (number === this.#next) this.#next++
    return true
  }
}

/** What the spelling that was read begins with, if it is as it would be written. */
function firstOf(
  ids: readonly string[],
  listed: readonly (readonly string[])[],
  settled: readonly Settled[],
): Spelling['first'] {
  const texts = [...listsOfSettled(settled).keys()]
  const used = [...new Set(listed.flat())]
  const isOrdered = texts.every((text, i) => listText(listed[i]!) === text)
  const isOnce = new Set(listed.map(listText)).size === listed.length
  return isOrdered && isOnce && used.every((id, i) => ids[i] === id)
    ? { lists: texts.length, ids: used.length }
    : undefined
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
  blocks.set(name, { handed, handedBytes, released, releasedBytes, handing })
  writer.u16(ids.of(by))
  writer.u32(level)
  writer.text(table)
  writeIds(writer, gone, ids)
  writer.u32(handed.size)
  writer.raw(handedBytes)
  writer.u32(released.size)
  writer.raw(releasedBytes)
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
  const first = firstOf(ids, listed, settled)
  return remember({ start, ids: new Numbered(ids), lists, listed, settled, first, blocks: new KnownBlocks() })
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
  if (isHandedKnown && isReleasedKnown && sameList(known.handing.gone, gone)) return known.handing
  const handed = isHandedKnown ? known.handed : readHanded(handedBytes, settled.length, listed)
  const released = isReleasedKnown ? known.released : readReleased(releasedBytes, settled.length)
  const handing = { by, level, table, gone, handed, released }
  blocks.set(name, {
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
