/** What follows for one partition from what is recorded of moves: which lists count, which of them is read, and what a node has still to do (decision 44, moves.ts). */
import {
  type Handing,
  listText,
  type Moves,
  type PartitionLists,
  sameList,
  sameNodes,
  type Version,
} from './moves.js'

/** What was recorded under one table. */
interface TableRecords {
  readonly level: number
  readonly table: string
  readonly by: ReadonlyMap<string, Handing>
  /** Whom anybody knew to be removed under it. */
  readonly gone: ReadonlySet<string>
}

/** The same facts, found by table and node. */
export interface Records {
  readonly handings: readonly Handing[]
  readonly tables: readonly TableRecords[]
  /** Of which anybody has handed over anything. */
  readonly partitions: ReadonlySet<number>
}

const records = new WeakMap<readonly Handing[], Records>()

export function recordsOf(handings: readonly Handing[]): Records {
  const known = records.get(handings)
  if (known !== undefined) return known
  const tables: { level: number; table: string; by: Map<string, Handing>; gone: Set<string> }[] = []
  const partitions = new Set<number>()
  for (const handing of handings) {
    const { level, table, by, gone, handed } = handing
    let last = tables.at(-1)
    if (last?.level !== level || last.table !== table) {
      last = { level, table, by: new Map(), gone: new Set() }
      tables.push(last)
    }
    last.by.set(by, handing)
    for (const node of gone) last.gone.add(node)
    for (const partition of handed.keys()) partitions.add(partition)
  }
  const found = { handings, tables, partitions }
  records.set(handings, found)
  return found
}

const versions = new WeakMap<Handing, Map<string, Version>>()

/** Most partitions share their lists with others: each is made once. */
function versionOf(handing: Handing, list: readonly string[]): Version {
  const known = versions.get(handing) ?? new Map<string, Version>()
  versions.set(handing, known)
  const text = listText(list)
  const { level, table, gone } = handing
  const version = known.get(text) ?? { level, table, gone, list }
  known.set(text, version)
  return version
}

/** Those of which anything was recorded, above this level. */
export function versionsOf(partition: number, above: number, { tables }: Records): Version[] {
  const found: Version[] = []
  for (const { level, by } of tables) {
    if (level <= above) continue
    for (const handing of by.values()) {
      const list = handing.handed.get(partition)
      if (list === undefined) continue
      found.push(versionOf(handing, list))
      break
    }
  }
  return found
}

export function olderThan(
  settled: readonly string[],
  all: readonly Version[],
  index: number,
): readonly string[] {
  if (index === 0) return settled
  const nodes = new Set(settled)
  for (const { list } of all.slice(0, index)) for (const node of list) nodes.add(node)
  return [...nodes]
}

/** Have all of these, but those removed under the version's table, recorded this of the partition? */
export function haveAll(
  what: 'handed' | 'released',
  partition: number,
  version: Version,
  older: readonly string[],
  recorded: Records,
): boolean {
  const by = recordsUnder(version, recorded)?.by
  for (const node of older)
    if (!version.gone.includes(node) && by?.get(node)?.[what].has(partition) !== true) return false
  return true
}

function recordsUnder({ level, table }: Version, { tables }: Records): TableRecords | undefined {
  return tables.find((one) => one.level === level && one.table === table)
}

/** The lists in force; `target` is that of the table that follows from all changes known. */
export function listsOf(partition: number, { settled, handings }: Moves, target: Version): PartitionLists {
  const { level, list } = settled[partition]!
  const recorded = recordsOf(handings)
  const found = recorded.partitions.has(partition) ? versionsOf(partition, level, recorded) : []
  if (found.length === 0 && sameNodes(list, target.list))
    return { settled: list, versions: found, complete: -1 }
  const last = found.at(-1)
  if (last?.level !== target.level || last.table !== target.table) found.push(target)
  const complete = found.findLastIndex((version, index) =>
    haveAll('handed', partition, version, olderThan(list, found, index), recorded),
  )
  return { settled: list, versions: found, complete }
}

/** Do they say the same? */
export function sameLists(a: PartitionLists, b: PartitionLists): boolean {
  if (a.complete !== b.complete || a.versions.length !== b.versions.length) return false
  if (!sameList(a.settled, b.settled)) return false
  for (const [i, version] of a.versions.entries()) if (!sameVersion(version, b.versions[i]!)) return false
  return true
}

/** Who is gone follows from the table. */
function sameVersion(a: Version, b: Version): boolean {
  return a === b || (a.level === b.level && a.table === b.table && sameList(a.list, b.list))
}

/** What `node` has still to record of a partition: nothing, that it has handed its rows over to the target, or that it has released the older lists. */
export function duty(
  node: string,
  partition: number,
  { settled, versions: all, complete }: PartitionLists,
  handings: readonly Handing[],
): 'none' | 'hand' | 'release' {
  const target = all.at(-1)
  if (target === undefined || target.gone.includes(node)) return 'none'
  const older = olderThan(settled, all, all.length - 1)
  // Where all who had anything are gone, somebody has to say so.
  const isLeft = older.some((one) => !target.gone.includes(one))
  if (!(isLeft ? older.includes(node) : target.list[0] === node)) return 'none'
  const own = recordsUnder(target, recordsOf(handings))?.by.get(node)
  if (own?.handed.has(partition) !== true) return 'hand'
  if (complete < all.length - 1 || own.released.has(partition)) return 'none'
  return 'release'
}
