/**
 * What a change of the members costs one node beyond the kernel, and each record of the move that follows from it: `node dist/bench/membership/main.js`. Wall time of a
 * thread that has the machine alone; the first change also compiles what it runs.
 *
 *   --members 300 --partitions 16384 --copies 3
 */
import { parseArgs } from 'node:util'
import { Membership, type MembershipEffect } from '../../src/protocol/membership/membership.js'
import { duty } from '../../src/protocol/membership/move-lists.js'
import { withHanding } from '../../src/protocol/membership/moves.js'
import {
  type Act,
  type Change,
  type ClusterState,
  clusterAct,
  type MemberFacts,
  movesOf,
  nextChange,
  removed,
  withChange,
  withMoves,
} from '../../src/protocol/membership/state.js'
import { tableOf } from '../../src/protocol/membership/table.js'
import { Handover } from '../../src/protocol/transfer/handover.js'

const { values: given } = parseArgs({
  options: {
    members: { type: 'string', default: '300' },
    partitions: { type: 'string', default: '16384' },
    copies: { type: 'string', default: '3' },
  },
})
const MEMBERS = Number(given.members)
const SELF = 1

function id(number: number): string {
  return number.toString(16).padStart(32, '0')
}

function facts(number: number): MemberFacts {
  const short = id(number).slice(16)
  const speaks = { wire: { min: 1, max: 2 }, storage: { min: 1, max: 3 } }
  const addresses = { address: `host:${number}`, peerAddress: `host:1${number}` }
  const start = { boot: 1, revision: 1, incarnation: short, session: short, incomplete: false, speaks }
  return { id: id(number), name: `n${number}`, ...addresses, ...start }
}

/** So many members, and nothing on its way. */
function settled(): ClusterState {
  const numbers = Array.from({ length: MEMBERS }, (_, i) => i + 1)
  const changes: Change[] = numbers.map((stamp) => ({
    ...{
      stamp,
      author: id(SELF),
      kind: 'join',
      member: id(stamp),
      weight: 1,
      zone: `z${stamp % 3}`,
      atMs: 1,
    },
    after: stamp === 1 ? [] : [{ stamp: stamp - 1, author: id(SELF) }],
  }))
  const birth = {
    clusterId: 'f'.repeat(32),
    n: Number(given.copies),
    partitions: Number(given.partitions),
    bornMs: 1,
  }
  return { birth, changes, facts: numbers.map(facts), buckets: [] }
}

class Node {
  readonly membership: Membership
  readonly #handover = new Handover(id(SELF), () => 1)

  constructor(state: ClusterState) {
    this.membership = new Membership(state, facts(SELF))
  }

  /** All that a node does with what it learns, but for the disk and the network: merged, encoded, adopted, told, planned. */
  take(state: ClusterState): void {
    const { membership } = this
    const out: MembershipEffect[] = []
    if (!membership.offer(state, out)) return
    const adopted: MembershipEffect[] = []
    membership.persisted(adopted)
    for (const effect of adopted) if (effect.kind === 'spread') effect.news()
    this.#handover.plan(membership.ring, membership.state.moves?.handings ?? [])
  }

  change(act: Act): void {
    const { state } = this.membership
    this.take(withChange(state, nextChange(state, id(SELF), act, 1)))
  }

  /** A member records all that it has to; false: it has nothing to record. */
  record(member: string): boolean {
    const { state, ring } = this.membership
    const handed = new Map<number, readonly string[]>()
    const released = new Set<number>()
    for (const [partition, lists] of ring.moving) {
      const due = duty(member, partition, lists, state.moves?.handings ?? [])
      if (due === 'hand') handed.set(partition, lists.versions.at(-1)!.list)
      if (due === 'release') released.add(partition)
    }
    if (handed.size + released.size === 0) return false
    const { level, name: table } = ring.table
    const version = { level, table, gone: removed(state) }
    this.take(withMoves(state, withHanding(movesOf(state), member, version, handed, released)))
    return true
  }
}

function took(work: () => void): number {
  const beganMs = performance.now()
  work()
  return performance.now() - beganMs
}

const state = settled()
tableOf(state.birth, state.changes)
const node = new Node(state)
const acts: Act[] = [
  { kind: 'weight', member: id(7), weight: 2, zone: '' },
  { kind: 'join', member: id(MEMBERS + 1), weight: 1, zone: 'z1' },
  { kind: 'leave', member: id(9), weight: 1, zone: '' },
  { kind: 'zone', member: id(8), weight: 1, zone: 'z0' },
]
for (const act of acts) {
  const changeMs = took(() => node.change(act))
  const moving = node.membership.ring.moving.size
  const records: number[] = []
  for (let round = 0; round < 2; round++)
    for (const member of node.membership.ring.members) {
      let hasRecorded = false
      const ms = took(() => {
        hasRecorded = node.record(member)
      })
      if (hasRecorded) records.push(ms)
    }
  const mean = records.reduce((sum, ms) => sum + ms, 0) / Math.max(1, records.length)
  const bytes = node.membership.encoded.length
  process.stdout.write(
    `${act.kind}: ${changeMs.toFixed(0)} ms; ${moving} partitions move; ${records.length} records of ${mean.toFixed(1)} ms, ` +
      `the longest ${Math.max(0, ...records).toFixed(0)} ms; left to move ${node.membership.ring.moving.size}; a state has ${bytes} bytes\n`,
  )
}

// Of these nearly every partition moves, or none: the records of them would take minutes.
const wholes: Act[] = [
  clusterAct('copies', Number(given.copies) + 1),
  clusterAct('split', 2 * Number(given.partitions)),
]
for (const act of wholes) {
  const other = new Node(state)
  const changeMs = took(() => other.change(act))
  process.stdout.write(
    `${act.kind}: ${changeMs.toFixed(0)} ms; ${other.membership.ring.moving.size} partitions move\n`,
  )
}
