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

import { haveAll, olderThan, type Records, recordsOf, versionsOf } from './move-lists.js'

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

const texts = new WeakMap<readonly string[], string>()

/** A list as one text. */
export function listText(list: readonly string[]): string {
  const known = texts.get(list)
  if (known !== undefined) return known
  const text = list.join()
  texts.set(list, text)
  return text
}

export function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || listText(a) === listText(b)
}

export function sameNodes(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((node) => b.includes(node)))
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

/**
 * Commutative, associative, idempotent on all that nodes record. One of them may have heard of a split of which the other has not.
 *
 * Nearly all of what is merged is known on both sides. What is not changed by it stays the same object, so that whoever has worked it out (its bytes, the lists in
 * force) need not do so again: states are merged while requests wait.
 */
export function mergeMoves(one: Moves, other: Moves): Moves {
  const partitions = Math.max(one.settled.length, other.settled.length)
  const [a, b] = [splitMoves(one, partitions), splitMoves(other, partitions)]
  const settled = laterOfEach(a.settled, b.settled)
  const handings = handingsOf(a.handings, b.handings)
  const left = leftOf(a.left, b.left)
  const isOld = settled === a.settled && handings === a.handings && left === a.left
  return isOld && settledOnes.has(a) ? a : settle({ settled, handings, left })
}

/** `a` itself where nothing in `b` is later. */
function laterOfEach(a: readonly Settled[], b: readonly Settled[]): readonly Settled[] {
  if (a === b) return a
  let isNew = false
  const latest = a.map((one, partition) => {
    const last = later(one, b[partition]!)
    isNew ||= last !== one
    return last
  })
  return isNew ? latest : a
}

/** Of equal level there is one list only, unless a directory is an old copy: then any fixed choice will do. The first where they say the same. */
function later(a: Settled, b: Settled): Settled {
  if (a.level !== b.level) return a.level > b.level ? a : b
  return a.list === b.list || listText(a.list) >= listText(b.list) ? a : b
}

/** `a` itself where `b` adds nothing. */
function handingsOf(a: readonly Handing[], b: readonly Handing[]): readonly Handing[] {
  if (a === b || b.length === 0) return a
  const merged: Handing[] = []
  let [i, j, isNew] = [0, 0, false]
  while (i < a.length || j < b.length) {
    const [mine, theirs] = [a[i], b[j]]
    const turn = mine === undefined ? 1 : theirs === undefined ? -1 : handingOrder(mine, theirs)
    const next = turn < 0 ? mine! : turn > 0 ? theirs! : union(mine!, theirs!)
    merged.push(next)
    isNew ||= next !== mine
    if (turn <= 0) i++
    if (turn >= 0) j++
  }
  return isNew ? merged : a
}

/** What is in both once; `a`, or a part of it, itself where `b` adds nothing. */
function union(a: Handing, b: Handing): Handing {
  if (a === b) return a
  const handed = handedOf(a.handed, b.handed)
  const released = releasedOf(a.released, b.released)
  return handed === a.handed && released === a.released ? a : { ...a, handed, released }
}

function handedOf(a: Handing['handed'], b: Handing['handed']): Handing['handed'] {
  if (a === b) return a
  let merged: Map<number, readonly string[]> | undefined
  for (const [partition, list] of b) {
    const known = a.get(partition)
    if (known !== undefined && sameList(known, list)) continue
    merged ??= new Map(a)
    merged.set(partition, list)
  }
  return merged ?? a
}

function releasedOf(a: Handing['released'], b: Handing['released']): Handing['released'] {
  if (a === b) return a
  let merged: Set<number> | undefined
  for (const partition of b) {
    if (a.has(partition)) continue
    merged ??= new Set(a)
    merged.add(partition)
  }
  return merged ?? a
}

function leftOf(a: readonly string[], b: readonly string[]): readonly string[] {
  const all = [...new Set([...a, ...b])].sort()
  return sameList(all, a) ? a : all
}

/** Those in which nothing is left to settle. */
const settledOnes = new WeakSet<Moves>()

/** Versions that everybody concerned has released become the settled ones, and what was recorded up to them is forgotten. */
function settle({ settled: before, handings, left }: Moves): Moves {
  const settled = advancedAll(before, handings)
  const kept = handings
    .map((handing) => withoutSettled(handing, settled))
    .filter(({ handed, released }) => handed.size + released.size > 0)
  const isSame = kept.length === handings.length && kept.every((handing, i) => handing === handings[i])
  const result = { settled, handings: isSame ? handings : kept, left }
  settledOnes.add(result)
  return result
}

/** `settled` itself where nothing has advanced. */
function advancedAll(settled: readonly Settled[], handings: readonly Handing[]): readonly Settled[] {
  if (handings.length === 0) return settled
  const recorded = recordsOf(handings)
  let advanced: Settled[] | undefined
  for (const partition of recorded.partitions) {
    const now = advancedOf(partition, settled[partition]!, recorded)
    if (now === settled[partition]) continue
    advanced ??= [...settled]
    advanced[partition] = now
  }
  return advanced ?? settled
}

function advancedOf(partition: number, from: Settled, recorded: Records): Settled {
  let settled = from
  while (mayAdvance(partition, settled, recorded)) {
    const versions = versionsOf(partition, settled.level, recorded)
    const next = versions.find((version, index) => {
      const older = olderThan(settled.list, versions, index)
      const isComplete = haveAll('handed', partition, version, older, recorded)
      return isComplete && haveAll('released', partition, version, older, recorded)
    })
    if (next === undefined) return settled
    settled = { level: next.level, list: next.list }
  }
  return settled
}

/** Is there a version which the nodes of the settled list, of whom every version waits, have released? */
function mayAdvance(partition: number, { list }: Settled, recorded: Records): boolean {
  for (const { by, gone } of recorded.tables)
    if (list.every((node) => gone.has(node) || by.get(node)?.released.has(partition) === true)) return true
  return false
}

/** Itself where nothing of it is settled. */
function withoutSettled(handing: Handing, settled: readonly Settled[]): Handing {
  const { level, handed, released } = handing
  let isSettled = false
  for (const partition of handed.keys()) isSettled ||= level <= settled[partition]!.level
  for (const partition of released) isSettled ||= level <= settled[partition]!.level
  if (!isSettled) return handing
  const isOpen = (partition: number) => level > settled[partition]!.level
  return {
    ...handing,
    handed: new Map([...handed].filter(([partition]) => isOpen(partition))),
    released: new Set([...released].filter(isOpen)),
  }
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
