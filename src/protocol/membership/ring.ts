/**
 * Who owns what now. The table follows from the recorded changes alone (table.ts); where a partition is on its way from one list of owners to another, several
 * lists count (moves.ts), and which of them is part of what every request names: a node answers nobody who counts otherwise.
 *
 * `owners` is the list that is read. Writes are tallied in each list in force.
 */
import { ByteWriter } from '../../wire/bytes.js'
import type { Digest64 } from '../../wire/messages.js'
import type { Placement } from '../effects.js'
import { listsOf, recordsOf, sameLists } from './move-lists.js'
import { listText, type Moves, type PartitionLists, sameNodes, type Version } from './moves.js'
import { type ClusterState, movesOf, removed } from './state.js'
import { digest64, sameDigest, type Table, tableOf } from './table.js'

/** How far beyond the owners anybody looks for a node to stand in for one. */
const BEYOND = 32
const NONE: readonly never[] = []

/** The owners of a partition, and who comes after them: as machines see them. */
class PartitionPlacement implements Placement {
  readonly ring: Digest64
  readonly owners: readonly string[]
  readonly holders: readonly string[]
  readonly others: readonly (readonly string[])[]
  readonly #members: readonly string[]
  readonly #partition: number

  constructor(ring: Digest64, lists: Lists, members: readonly string[], partition: number) {
    this.ring = ring
    this.owners = lists.owners
    this.holders = lists.holders
    this.others = lists.others
    this.#members = members
    this.#partition = partition
  }

  /**
   * The members that are no owners in the order of their ids, beginning at another one for each partition: the same on every node, and the
   * load of a node that is away falls on all the others.
   */
  get beyond(): readonly string[] {
    const others = this.#members.filter((member) => !this.holders.includes(member))
    const turn = others.length === 0 ? 0 : this.#partition % others.length
    return [...others.slice(turn), ...others.slice(0, turn)].slice(0, BEYOND)
  }
}

/** What counts for one partition. */
interface Lists {
  /** Who is read. */
  readonly owners: readonly string[]
  /** The other lists in which a write is tallied. */
  readonly others: readonly (readonly string[])[]
  /** All nodes of all of them. */
  readonly holders: readonly string[]
}

export class Ring {
  /** Tells two rings apart in which anything is read or written otherwise. */
  readonly digest: Digest64
  /** Tells two rings apart in which anybody holds something else. */
  readonly holding: Digest64
  readonly table: Table
  readonly partitions: number
  /** The N in force: as configured, or the number of members where they are fewer. */
  readonly n: number
  /** Ids of all that own something or will, sorted: present members, and those that still have to hand something over. */
  readonly members: readonly string[]
  /** For each partition the ids of those who are read, in order. */
  readonly owners: readonly (readonly string[])[]
  /** For each partition the ids of all that hold its rows, or are about to. */
  readonly holders: readonly (readonly string[])[]
  /** Partitions on their way, and the lists that count. */
  readonly moving: ReadonlyMap<number, PartitionLists>
  /** What of it counts, and what requests take with them. */
  readonly #lists: readonly Lists[]
  readonly #placements: readonly Placement[]
  readonly #moves: Moves
  readonly #shift: number

  /**
   * `before`: the ring that was in force until now. What stays as it was is taken over: while partitions move, most of what is recorded changes nothing that counts, and requests wait
   * until this is done.
   */
  constructor(state: ClusterState, before?: Ring) {
    const table = tableOf(state.birth, state.changes)
    const moves = movesOf(state)
    const known = before?.table === table ? before : undefined
    this.table = table
    this.#moves = moves
    this.partitions = table.partitions
    this.n = table.n || Math.max(...moves.settled.map(({ list }) => list.length))
    this.#shift = 16 - Math.log2(this.partitions)
    // Where the last members were told to go by nodes that did not know of each other, they stay until there is somebody to hand over to.
    const isEmpty = table.members.length === 0
    const isKnown = known !== undefined && saysNoMoreOfLists(moves, known.#moves)
    const moving = isEmpty
      ? NOTHING_MOVES
      : isKnown
        ? known.moving
        : movingOf(
            moves,
            table,
            removed(state),
            known && { moving: known.moving, settled: known.#moves.settled },
          )
    this.moving = moving
    if (known !== undefined && !isEmpty && moving === known.moving) {
      // What does not move has the list of the table.
      this.owners = known.owners
      this.holders = known.holders
      this.members = known.members
      this.digest = known.digest
      this.holding = known.holding
      this.#lists = known.#lists
      this.#placements = known.#placements
      return
    }
    const targets = isEmpty ? moves.settled.map(({ list }) => list) : table.lists
    const inForce = new ListsInForce()
    // What moved neither then nor now has the list of the table, as it had before.
    const base = isEmpty ? undefined : known
    const touched = new Set([...(base?.moving.keys() ?? []), ...moving.keys()])
    const partly = <T>(before: readonly T[] | undefined, of: (partition: number) => T) =>
      before === undefined ? targets.map((_, p) => of(p)) : patched(before, touched, of)
    const lists = partly(base === undefined ? undefined : base.#lists, (p) => {
      const now = moving.get(p)
      const isSame = base !== undefined && now !== undefined && base.moving.get(p) === now
      return isSame ? base.#lists[p]! : inForce.of(now, targets[p]!)
    })
    this.#lists = lists
    this.owners = partly(base?.owners, (p) => lists[p]!.owners)
    this.holders = partly(base?.holders, (p) => lists[p]!.holders)
    this.members = membersOf(table, moving, this.holders)
    const special = isEmpty ? [...targets.keys()] : [...moving.keys()]
    const digests = new Map(
      special.map((p) => {
        const isSame = base !== undefined && base.#lists[p] === lists[p] && base.moving.has(p)
        return [p, isSame ? base.#placements[p]!.ring : inForce.digestOf(table, lists[p]!)]
      }),
    )
    this.digest = special.length === 0 ? table.digest : digestOfAll(table, digests)
    this.holding = special.length === 0 ? table.digest : holdingDigest(table, special, lists)
    this.#placements = partly(base === undefined ? undefined : base.#placements, (p) => {
      const digest = digests.get(p) ?? table.digest
      const placement = base === undefined ? undefined : base.#placements[p]!
      if (placement !== undefined && sameDigest(placement.ring, digest)) return placement
      return new PartitionPlacement(digest, lists[p]!, table.members, p)
    })
  }

  /** Whose the key is under this table. */
  placementOf(rowKey: Uint8Array): Placement {
    return this.#placements[this.partitionOf(rowKey)]!
  }

  /** The partition of a row key: the top bits of its hash. */
  partitionOf(rowKey: Uint8Array): number {
    return ((rowKey[0]! << 8) | rowKey[1]!) >>> this.#shift
  }

  /** The first row key of a partition, and of the one after it (undefined: there is none). */
  rangeOf(partition: number): { readonly from: Uint8Array; readonly to: Uint8Array | undefined } {
    const start = (number: number) =>
      Uint8Array.of((number << this.#shift) >>> 8, (number << this.#shift) & 255)
    return { from: start(partition), to: partition + 1 < this.partitions ? start(partition + 1) : undefined }
  }

  /** Who is read. */
  ownersOf(rowKey: Uint8Array): readonly string[] {
    return this.owners[this.partitionOf(rowKey)]!
  }

  /** Who takes writes. */
  holdersOf(rowKey: Uint8Array): readonly string[] {
    return this.holders[this.partitionOf(rowKey)]!
  }

  /** The owners, and those who stand in when owners are away. */
  preferenceList(rowKey: Uint8Array): readonly string[] {
    const { owners, beyond } = this.placementOf(rowKey)
    return [...owners, ...beyond]
  }
}

const NOTHING_MOVES: ReadonlyMap<number, PartitionLists> = new Map()

/** Nothing was handed over since, or settled: under the same table the same lists count. */
function saysNoMoreOfLists(now: Moves, before: Moves): boolean {
  if (now.settled !== before.settled || now.handings.length !== before.handings.length) return false
  return now.handings.every(({ by, level, table, handed }, i) => {
    const known = before.handings[i]!
    return known.by === by && known.level === level && known.table === table && known.handed === handed
  })
}

interface MovingBefore {
  readonly moving: ReadonlyMap<number, PartitionLists>
  readonly settled: Moves['settled']
}

/** What moved before, or parts of it, itself where nothing counts otherwise; it has to come from the same table. By partition. */
function movingOf(
  moves: Moves,
  { level, name, lists }: Table,
  gone: readonly string[],
  before: MovingBefore | undefined,
): ReadonlyMap<number, PartitionLists> {
  const recorded = recordsOf(moves.handings).partitions
  const moving = new Map<number, PartitionLists>()
  const targets = new Map<readonly string[], Version>()
  let isNew = before === undefined
  for (const partition of before === undefined ? lists.keys() : mayMove(moves.settled, recorded, before)) {
    const list = lists[partition]!
    if (!recorded.has(partition) && sameNodes(moves.settled[partition]!.list, list)) continue
    const target = targets.get(list) ?? { level, table: name, gone, list }
    targets.set(list, target)
    const found = listsOf(partition, moves, target)
    if (found.versions.length === 0) continue
    const known = before?.moving.get(partition)
    const isSame = known !== undefined && sameLists(known, found)
    isNew ||= !isSame
    moving.set(partition, isSame ? known : found)
  }
  return isNew || moving.size !== before?.moving.size ? moving : before.moving
}

/** Partitions that may be on their way now, rising: those that were, those of which anything is recorded, and those that were settled otherwise. */
function mayMove(
  settled: Moves['settled'],
  recorded: ReadonlySet<number>,
  before: MovingBefore,
): Uint32Array {
  const all = new Set([...before.moving.keys(), ...recorded])
  if (settled !== before.settled)
    for (let p = 0; p < settled.length; p++) if (settled[p] !== before.settled[p]) all.add(p)
  return Uint32Array.from(all).sort()
}

function patched<T>(before: readonly T[], at: Iterable<number>, of: (partition: number) => T): readonly T[] {
  const copy = [...before]
  for (const partition of at) copy[partition] = of(partition)
  return copy
}

/** Of hundreds of partitions that move most share their lists with others: what follows from them is found out once. */
class ListsInForce {
  readonly #known = new Map<string, Lists>()
  readonly #digests = new Map<Lists, Digest64>()

  /** `lists`: undefined where the partition does not move, and has this list. */
  of(lists: PartitionLists | undefined, list: readonly string[]): Lists {
    if (lists === undefined) return { owners: list, others: NONE, holders: list }
    const { settled, versions, complete } = lists
    const texts = [settled, ...versions.map((version) => version.list)].map(listText)
    const name = `${complete} ${texts.join(' ')}`
    const known = this.#known.get(name) ?? inForce(lists)
    this.#known.set(name, known)
    return known
  }

  /** That requests carry, under this table. */
  digestOf(table: Table, lists: Lists): Digest64 {
    const known = this.#digests.get(lists) ?? digestOf(table, lists)
    this.#digests.set(lists, known)
    return known
  }
}

function inForce({ settled, versions, complete }: PartitionLists): Lists {
  const all = [settled, ...versions.map((version) => version.list)]
  const owners = all[complete + 1]!
  const others: (readonly string[])[] = []
  for (const one of all) if (![owners, ...others].some((other) => sameNodes(other, one))) others.push(one)
  return { owners, others, holders: [...new Set([owners, ...others].flat())] }
}

function membersOf(
  table: Table,
  moving: ReadonlyMap<number, PartitionLists>,
  holders: readonly (readonly string[])[],
): readonly string[] {
  if (moving.size === 0 && table.members.length > 0) return table.members
  const members = new Set(table.members)
  for (const partition of moving.size > 0 ? moving.keys() : holders.keys())
    for (const node of holders[partition]!) members.add(node)
  return [...members].sort()
}

function digestOf({ name }: Table, { owners, others }: Lists): Digest64 {
  const writer = new ByteWriter(256)
  writer.text(name)
  for (const list of [owners, ...others]) writer.text(listText(list))
  return digest64(writer.take())
}

function digestOfAll({ name }: Table, digests: ReadonlyMap<number, Digest64>): Digest64 {
  const writer = new ByteWriter(1024)
  writer.text(name)
  for (const [partition, { high, low }] of digests) {
    writer.u32(partition)
    writer.u32(high)
    writer.u32(low)
  }
  return digest64(writer.take())
}

function holdingDigest({ name }: Table, moving: Iterable<number>, lists: readonly Lists[]): Digest64 {
  const texts = new Map<Lists, string>()
  const writer = new ByteWriter(1024)
  writer.text(name)
  for (const partition of moving) {
    const one = lists[partition]!
    const text = texts.get(one) ?? [...one.holders].sort().join()
    texts.set(one, text)
    writer.u32(partition)
    writer.text(text)
  }
  return digest64(writer.take())
}

export { digestText, sameDigest } from './table.js'
