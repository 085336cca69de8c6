/**
 * Merging what is recorded of moves, and the lists in force, as they are defined and with no regard for time: nothing is kept from one time to the next, and nothing is shared. What src/protocol/membership
 * does with less work must come to the same.
 */
import {
  type Handing,
  handingOrder,
  listText,
  type Moves,
  type PartitionLists,
  type Settled,
  sameNodes,
  splitMoves,
  type Version,
} from '../../src/protocol/membership/moves.js'

export function plainMerge(one: Moves, other: Moves): Moves {
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

export function plainLists(partition: number, { settled, handings }: Moves, target: Version): PartitionLists {
  const { level, list } = settled[partition]!
  const versions = versionsOf(partition, level, handings)
  if (versions.length === 0 && sameNodes(list, target.list)) return { settled: list, versions, complete: -1 }
  const last = versions.at(-1)
  if (last?.level !== target.level || last.table !== target.table) versions.push(target)
  const complete = versions.findLastIndex((version, index) =>
    haveAll('handed', partition, version, olderThan(list, versions, index), handings),
  )
  return { settled: list, versions, complete }
}
