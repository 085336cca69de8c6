/**
 * Partitions on their way from one list of owners to another (decision 44). What is recorded of it is a set of facts that only grows, so it is merged like
 * the rest of the state.
 *
 * Of each partition the state knows the list that was *settled* last. A change gives it another list, under a table of its own: a *version*.
 *
 *     settled list          ── everything is read here ──┐
 *     version 1, version 2  …                            ├─ every write is tallied in each of them
 *     the present table's list (the target)             ─┘
 *
 *   - *handed*: a node that belongs to an older list has recorded that all rows it held when it adopted the version's table are at every node of the version's
 *     list. When all of them have (but those removed), the version is *complete*: it is read from now on, and not the older lists any more.
 *   - *released*: a node of an older list has recorded that it has adopted this completeness, and so answers no read of an older list any more. When
 *     all have, the version is settled: nobody counts the older lists any longer.
 *
 * A fact belongs to one table, named by level and digest; versions of one partition that became complete lie in a chain of ever higher levels.
 */

/** The list of a partition that all older ones have given way to. */
export interface Settled {
  /** The level of the table that it comes from. */
  readonly level: number
  readonly list: readonly string[]
}

/** What one node has recorded under one table. */
export interface Handing {
  readonly by: string
  readonly level: number
  /** The table's name, 16 hex digits. */
  readonly table: string
  /** Members removed under that table, sorted: nobody waits for them. */
  readonly gone: readonly string[]
  /** Partitions whose rows it has handed over, and to whom: the list under that table. */
  readonly handed: ReadonlyMap<number, readonly string[]>
  readonly released: ReadonlySet<number>
}

export interface Moves {
  /** By partition. */
  readonly settled: readonly Settled[]
  /** Sorted by handingOrder. */
  readonly handings: readonly Handing[]
  /** Members that left and hold nothing any more, sorted. */
  readonly left: readonly string[]
}

/** A list of owners under one table. */
export interface Version {
  readonly level: number
  readonly table: string
  readonly gone: readonly string[]
  readonly list: readonly string[]
}

/** All lists of one partition that count, from the oldest on. */
export interface PartitionLists {
  readonly settled: readonly string[]
  /** By level; the last one is the target. Empty: the settled list is the target. */
  readonly versions: readonly Version[]
  /** The newest that is complete: an index in `versions`; -1 = the settled list. */
  readonly complete: number
}

export function handingOrder(a: Handing, b: Handing): number {
  return a.level - b.level || order(a.table, b.table) || order(a.by, b.by)
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export const LIST_SEPARATOR = ','
const texts = new WeakMap<readonly string[], string>()

/** A list as one text. */
export function listText(list: readonly string[]): string {
  const known = texts.get(list)
  if (known !== undefined) return known
  const text = list.join(LIST_SEPARATOR)
  texts.set(list, text)
  return text
}

export function sameNodes(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node))
}

/**
 * The same where every partition has become several: what was true of one is true of each that has its place. It makes no difference whether moves are
 * split first and then merged, or the other way round, since nothing that is said of one partition depends on another.
 */
export function splitMoves(moves: Moves, partitions: number): Moves {
  const parts = partitions / moves.settled.length
  if (parts === 1) return moves
  const partsOf = (partition: number) => Array.from({ length: parts }, (_, part) => partition * parts + part)
  return {
    settled: moves.settled.flatMap((one) => Array.from({ length: parts }, () => one)),
    handings: moves.handings.map((handing) => ({
      ...handing,
      handed: new Map(
        [...handing.handed].flatMap(([partition, list]) =>
          partsOf(partition).map((part) => [part, list] as const),
        ),
      ),
      released: new Set([...handing.released].flatMap(partsOf)),
    })),
    left: moves.left,
  }
}

/** Commutative, associative, idempotent on all that nodes record. One of them may have heard of a split of which the other has not. */
export function mergeMoves(one: Moves, other: Moves): Moves {
  const partitions = Math.max(one.settled.length, other.settled.length)
  const [a, b] = [splitMoves(one, partitions), splitMoves(other, partitions)]
  const settled = a.settled.map((one, partition) => later(one, b.settled[partition]!))
  const handings = [...a.handings, ...b.handings].sort(handingOrder)
  const merged: Handing[] = []
  for (const handing of handings) {
    const last = merged.at(-1)
    if (last !== undefined && handingOrder(last, handing) === 0)
      merged[merged.length - 1] = union(last, handing)
    else merged.push(handing)
  }
  const left = [...new Set([...a.left, ...b.left])].sort()
  return settle({ settled, handings: merged, left })
}

/** Of equal level there is one list only, unless a directory is an old copy: then any fixed choice will do. */
function later(a: Settled, b: Settled): Settled {
  if (a.level !== b.level) return a.level > b.level ? a : b
  return listText(a.list) >= listText(b.list) ? a : b
}

function union(a: Handing, b: Handing): Handing {
  const handed = new Map([...a.handed, ...b.handed])
  return { ...a, handed, released: new Set([...a.released, ...b.released]) }
}

/** Versions that everybody concerned has released become the settled ones, and what was recorded up to them is forgotten. */
function settle({ settled: before, handings, left }: Moves): Moves {
  if (handings.length === 0) return { settled: before, handings, left }
  const settled = [...before]
  const touched = new Set(handings.flatMap(({ handed }) => [...handed.keys()]))
  for (const partition of touched) settled[partition] = advanced(partition, settled[partition]!, handings)
  const kept = handings.map((handing) => withoutSettled(handing, settled))
  return {
    settled,
    handings: kept.filter(({ handed, released }) => handed.size + released.size > 0),
    left,
  }
}

function advanced(partition: number, from: Settled, handings: readonly Handing[]): Settled {
  let settled = from
  for (;;) {
    const versions = versionsOf(partition, settled.level, handings)
    const next = versions.find((version, index) => {
      const older = olderThan(settled.list, versions, index)
      const isComplete = haveAll('handed', partition, version, older, handings)
      return isComplete && haveAll('released', partition, version, older, handings)
    })
    if (next === undefined) return settled
    settled = { level: next.level, list: next.list }
  }
}

function withoutSettled(handing: Handing, settled: readonly Settled[]): Handing {
  const isOpen = (partition: number) => handing.level > settled[partition]!.level
  const handed = new Map([...handing.handed].filter(([partition]) => isOpen(partition)))
  return { ...handing, handed, released: new Set([...handing.released].filter(isOpen)) }
}

/** Those of which anything was recorded, above this level. */
function versionsOf(partition: number, above: number, handings: readonly Handing[]): Version[] {
  const versions: Version[] = []
  for (const { level, table, gone, handed } of handings) {
    const list = handed.get(partition)
    if (list === undefined || level <= above) continue
    const last = versions.at(-1)
    if (last?.level !== level || last.table !== table) versions.push({ level, table, gone, list })
  }
  return versions
}

function olderThan(settled: readonly string[], versions: readonly Version[], index: number): string[] {
  const nodes = new Set(settled)
  for (const { list } of versions.slice(0, index)) for (const node of list) nodes.add(node)
  return [...nodes]
}

/** Have all of these, but those removed under the version's table, recorded this of the partition? */
function haveAll(
  what: 'handed' | 'released',
  partition: number,
  version: Version,
  older: readonly string[],
  handings: readonly Handing[],
): boolean {
  return older.every(
    (node) =>
      version.gone.includes(node) || handingOf(node, version, handings)?.[what].has(partition) === true,
  )
}

function handingOf(by: string, { level, table }: Version, handings: readonly Handing[]): Handing | undefined {
  return handings.find((one) => one.by === by && one.level === level && one.table === table)
}

/** The lists in force; `target` is that of the table that follows from all changes known. */
export function listsOf(
  partition: number,
  { settled, handings }: Moves,
  target: Version,
  recorded: ReadonlySet<number>,
): PartitionLists {
  const { level, list } = settled[partition]!
  const versions = recorded.has(partition) ? versionsOf(partition, level, handings) : []
  if (versions.length === 0 && sameNodes(list, target.list)) return { settled: list, versions, complete: -1 }
  const last = versions.at(-1)
  if (last?.level !== target.level || last.table !== target.table) versions.push(target)
  const complete = versions.findLastIndex((version, index) =>
    haveAll('handed', partition, version, olderThan(list, versions, index), handings),
  )
  return { settled: list, versions, complete }
}

/** What `node` has still to record of a partition: nothing, that it has handed its rows over to the target, or that it has released the older lists. */
export function duty(
  node: string,
  partition: number,
  { settled, versions, complete }: PartitionLists,
  handings: readonly Handing[],
): 'none' | 'hand' | 'release' {
  const target = versions.at(-1)
  if (target === undefined || target.gone.includes(node)) return 'none'
  const older = olderThan(settled, versions, versions.length - 1).filter((one) => !target.gone.includes(one))
  // Where all who had anything are gone, somebody has to say so.
  const concerned = older.length > 0 ? older : target.list.slice(0, 1)
  if (!concerned.includes(node)) return 'none'
  const own = handingOf(node, target, handings)
  if (own?.handed.has(partition) !== true) return 'hand'
  if (complete < versions.length - 1 || own.released.has(partition)) return 'none'
  return 'release'
}

/** With what `by` records now under the table of `target`. */
export function withHanding(
  moves: Moves,
  by: string,
  { level, table, gone }: Omit<Version, 'list'>,
  handed: ReadonlyMap<number, readonly string[]>,
  released: ReadonlySet<number>,
): Moves {
  const handing = { by, level, table, gone, handed, released }
  return mergeMoves(moves, { ...moves, handings: [handing] })
}
