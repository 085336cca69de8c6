/**
 * Who owns what now. The table follows from the recorded changes alone (table.ts); where a partition is on its way from one list of owners to another, several
 * lists count (moves.ts), and which of them is part of what every request names: a node answers nobody who counts otherwise.
 *
 * `owners` is the list that is read. Writes are tallied in each list in force.
 */
import { ByteWriter } from '../../wire/bytes.js'
import type { Digest64 } from '../../wire/messages.js'
import type { Placement } from '../effects.js'
import { listsOf, listText, type Moves, type PartitionLists, sameNodes } from './moves.js'
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
  /** The same, as requests take it with them. */
  readonly #placements: readonly Placement[]
  readonly #shift: number

  /** `before`: the ring that was in force until now; what stays as it was is taken over. */
  constructor(state: ClusterState, before?: Ring) {
    const table = tableOf(state.birth, state.changes)
    const moves = movesOf(state)
    const gone = removed(state)
    this.table = table
    this.partitions = table.partitions
    this.n = table.n || Math.max(...moves.settled.map(({ list }) => list.length))
    this.#shift = 16 - Math.log2(this.partitions)
    // Where the last members were told to go by nodes that did not know of each other, they stay until there is somebody to hand over to.
    const isEmpty = table.members.length === 0
    const moving = isEmpty ? new Map<number, PartitionLists>() : movingOf(moves, table, gone)
    this.moving = moving
    const targets = isEmpty ? moves.settled.map(({ list }) => list) : table.lists
    const inForce = new ListsInForce()
    const lists = targets.map((list, p) => inForce.of(moving.get(p), list))
    this.owners = lists.map(({ owners }) => owners)
    this.holders = lists.map(({ holders }) => holders)
    this.members = membersOf(table, moving, this.holders)
    const digests = lists.map((one, p) =>
      isEmpty || moving.has(p) ? inForce.digestOf(table, one) : table.digest,
    )
    const special = isEmpty ? [...digests.keys()] : [...moving.keys()]
    this.digest = special.length === 0 ? table.digest : digestOfAll(table, special, digests)
    this.holding = special.length === 0 ? table.digest : holdingDigest(table, special, this.holders)
    this.#placements = lists.map((one, p) => {
      const known = before?.table === table ? before.#placements[p]! : undefined
      if (known !== undefined && sameDigest(known.ring, digests[p]!)) return known
      return new PartitionPlacement(digests[p]!, one, table.members, p)
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

function movingOf(
  moves: Moves,
  { level, name, lists }: Table,
  gone: readonly string[],
): ReadonlyMap<number, PartitionLists> {
  const recorded = new Set(moves.handings.flatMap(({ handed }) => [...handed.keys()]))
  const moving = new Map<number, PartitionLists>()
  lists.forEach((list, partition) => {
    if (!recorded.has(partition) && sameNodes(moves.settled[partition]!.list, list)) return
    const found = listsOf(partition, moves, { level, table: name, gone, list }, recorded)
    if (found.versions.length > 0) moving.set(partition, found)
  })
  return moving
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

function digestOfAll({ name }: Table, moving: Iterable<number>, digests: readonly Digest64[]): Digest64 {
  const writer = new ByteWriter(1024)
  writer.text(name)
  for (const partition of moving) {
    const { high, low } = digests[partition]!
    writer.u32(partition)
    writer.u32(high)
    writer.u32(low)
  }
  return digest64(writer.take())
}

function holdingDigest(
  { name }: Table,
  moving: Iterable<number>,
  holders: readonly (readonly string[])[],
): Digest64 {
  const writer = new ByteWriter(1024)
  writer.text(name)
  for (const partition of moving) {
    writer.u32(partition)
    writer.text([...holders[partition]!].sort().join())
  }
  return digest64(writer.take())
}

export { digestText, sameDigest } from './table.js'
