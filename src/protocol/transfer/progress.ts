/**
 * How far partitions have come that move, as this node sees it: how many are left, how fast they become settled, and whom they wait for. The numbers follow from the
 * membership state, so all nodes that have heard the same say the same; the rate is what this node has seen itself.
 */
import { duty } from '../membership/move-lists.js'
import type { Handing, PartitionLists } from '../membership/moves.js'
import type { Ring } from '../membership/ring.js'
import type { ClusterState } from '../membership/state.js'

/** The rate is taken over so long, and over so many looks at most. */
const WINDOW_MS = 60_000
const LOOKS = 64
/** Before so long a rate says nothing. */
const LEAST_MS = 1_000

/** What somebody has to do before partitions can go on. */
export type Task =
  /** Send the new owners what they lack. */
  | 'hand-over'
  /** Record that it reads nothing from the old owners any more. */
  | 'let-go'
  /** Be there, to be sent what it lacks. */
  | 'receive'

export interface WaitsFor {
  readonly member: string
  readonly task: Task
  readonly partitions: number
}

export interface Pace {
  /** Partitions that become settled in a second; undefined: not known yet. */
  readonly perSecond: number | undefined
  readonly leftMs: number | undefined
}

/** How many partitions the present change gives other owners, those that have come there included. */
export function partitionsMoved({ moves }: ClusterState, { table, moving }: Ring): number {
  const settled = moves?.settled.filter(
    ({ level }, partition) => level === table.level && !moving.has(partition),
  )
  return moving.size + (settled?.length ?? 0)
}

export interface BytesMoving {
  /** Of partitions that some new owner may still lack rows of, once for each such owner; undefined where that cannot be told. */
  readonly all: number | undefined
  /** Of them, what is at this node already, where it is a new owner. */
  readonly arrived: number
}

/** `bytesOf`: about so many has a partition, undefined where nobody can tell; `bytesHere`: what this node has of it. A partition that is handed over as a whole counts no more. */
export function bytesMoving(
  self: string,
  moving: ReadonlyMap<number, PartitionLists>,
  bytesOf: (partition: number) => number | undefined,
  bytesHere: (partition: number) => number,
): BytesMoving {
  let [all, arrived]: [number | undefined, number] = [0, 0]
  for (const [partition, { settled, versions, complete }] of moving) {
    const newcomers = versions.at(-1)!.list.filter((owner) => !settled.includes(owner))
    if (complete === versions.length - 1 || newcomers.length === 0) continue
    const bytes = bytesOf(partition)
    all = all === undefined || bytes === undefined ? undefined : all + newcomers.length * bytes
    if (newcomers.includes(self)) arrived += bytesHere(partition)
  }
  return { all, arrived }
}

/** Whom partitions wait for, those who hold up most first. A new owner is only named while it cannot be reached. */
export function waitsFor(
  moving: ReadonlyMap<number, PartitionLists>,
  handings: readonly Handing[],
  isThere: (member: string) => boolean,
): WaitsFor[] {
  const counts = new Map<string, Map<Task, number>>()
  const count = (member: string, task: Task): void => {
    const tasks = counts.get(member) ?? new Map<Task, number>()
    counts.set(member, tasks.set(task, (tasks.get(task) ?? 0) + 1))
  }
  for (const [partition, lists] of moving) {
    let isHanded = true
    for (const member of holdersOf(lists)) {
      const due = duty(member, partition, lists, handings)
      if (due === 'hand') isHanded = false
      if (due !== 'none') count(member, due === 'hand' ? 'hand-over' : 'let-go')
    }
    if (isHanded) continue
    for (const member of lists.versions.at(-1)?.list ?? []) if (!isThere(member)) count(member, 'receive')
  }
  const all = [...counts].flatMap(([member, tasks]) =>
    [...tasks].map(([task, partitions]) => ({ member, task, partitions })),
  )
  return all.sort((a, b) => b.partitions - a.partitions)
}

function holdersOf({ settled, versions }: PartitionLists): Set<string> {
  return new Set([settled, ...versions.map(({ list }) => list)].flat())
}

export class Pacemaker {
  #looks: { readonly atMs: number; readonly left: number }[] = []
  #table = ''

  /** Call often; `left`: partitions that move now, under the table of that name. */
  look(nowMs: number, table: string, left: number): void {
    const last = this.#looks.at(-1)
    if (table !== this.#table || left === 0 || (last !== undefined && left > last.left)) this.#looks = []
    this.#table = table
    if (left === 0 || (last !== undefined && nowMs - last.atMs < WINDOW_MS / LOOKS && this.#looks.length > 0))
      return
    this.#looks.push({ atMs: nowMs, left })
    while (this.#looks.length > LOOKS || nowMs - this.#looks[0]!.atMs > WINDOW_MS) this.#looks.shift()
  }

  pace(nowMs: number, left: number): Pace {
    const first = this.#looks[0]
    const unknown = { perSecond: undefined, leftMs: undefined }
    if (first === undefined || nowMs - first.atMs < LEAST_MS) return unknown
    const perSecond = ((first.left - left) * 1_000) / (nowMs - first.atMs)
    return perSecond > 0 ? { perSecond, leftMs: (left * 1_000) / perSecond } : { ...unknown, perSecond: 0 }
  }
}
