/**
 * Nodes that do nothing but agree on who owns what, of ever more partitions: a model of decision 44 small enough to play thousands of histories a second. The states, lists and duties are the real
 * ones; rows are numbers of writes, messages are single steps in any order, and every node may be at another state.
 *
 * A write is taken by one node after the other, each only while it counts as the coordinator does; it is acknowledged when every list in force at the coordinator then has
 * its quorum. A read likewise. What a read must show: every write acknowledged before it began.
 */

import { quorum } from '../../src/protocol/coordinator/quorum.js'
import { duty } from '../../src/protocol/membership/move-lists.js'
import { withHanding } from '../../src/protocol/membership/moves.js'
import { Ring, sameDigest } from '../../src/protocol/membership/ring.js'
import type { ClusterState } from '../../src/protocol/membership/state.js'
import {
  type Act,
  clusterAct,
  departed,
  mergeStates,
  movesOf,
  nextChange,
  presentMembers,
  removed,
  withChange,
  withFacts,
  withMoves,
} from '../../src/protocol/membership/state.js'

export type Chance = (below: number) => number

interface ModelNode {
  readonly id: string
  state: ClusterState
  ring: Ring
  /** By key. */
  readonly rows: Set<number>[]
}

interface Request {
  readonly kind: 'write' | 'read'
  /** One of KEYS. */
  readonly key: number
  readonly number: number
  readonly coordinator: ModelNode
  /** Nodes that have taken the write, or shown their rows. */
  readonly heard: Set<string>
  readonly shown: Set<number>
  /** Acknowledged before this one began. */
  readonly before: readonly number[]
}

/** To begin with; each may be split until it holds one key. */
const PARTITIONS = 4
/** One for each of the smallest partitions. */
const KEYS = 16

export function idOf(number: number): string {
  return number.toString(16).padStart(32, '0')
}

export class MovingCluster {
  readonly nodes: ModelNode[] = []
  /** Died for ever, with its rows; at most one. */
  #dead: ModelNode | undefined
  readonly #mayDie: boolean
  readonly #chance: Chance
  readonly #acked: Set<number>[] = Array.from({ length: KEYS }, () => new Set())
  readonly #open: Request[] = []
  #numbers = 0
  acknowledged = 0
  reads = 0

  /** `mayDie`: one node may die, and is removed or replaced then; where a quorum is one node there is nothing left of what it alone took. */
  constructor(n: number, members: number, chance: Chance, mayDie = false) {
    this.#chance = chance
    this.#mayDie = mayDie && quorum(Math.min(n, members)) > 1
    const birth = { clusterId: idOf(0xabc), n, partitions: PARTITIONS, bornMs: 1 }
    let state: ClusterState = { birth, changes: [], facts: [], buckets: [] }
    for (let number = 1; number <= members; number++) {
      const act = { kind: 'join', member: idOf(number), weight: 1, zone: '' } as const
      const change = nextChange(state, idOf(1), act, 0)
      state = withFacts({ ...state, changes: [...state.changes, change] }, factsOf(number))
    }
    for (let number = 1; number <= members; number++) this.#add(idOf(number), state)
  }

  /** One thing happens; a sentence where a promise was broken. */
  step(): string | undefined {
    const what = this.#chance(20)
    if (what < 5) this.#gossip()
    else if (what < 8) this.#begin('write')
    else if (what < 10) this.#begin('read')
    else if (what < 15) return this.#goOn()
    else if (what < 19) this.#doDuty(this.#someone())
    else this.#change()
    return undefined
  }

  /** Everybody hears everything and does what is left to do. False: it does not come to an end. */
  settle(): boolean {
    for (let round = 0; round < 60; round++) {
      const alive = this.nodes.filter((node) => node !== this.#dead)
      const all = alive.map(({ state }) => state).reduce(mergeStates)
      for (const node of alive) this.#adopt(node, all)
      if (this.#dead !== undefined && !departedFor({ ...this.#dead, state: all })) this.#bury(alive[0]!)
      else if (alive.every(({ ring }) => ring.moving.size === 0)) return true
      for (const node of alive) this.#doDuty(node)
    }
    return false
  }

  /** After it has settled: every owner of a partition has every acknowledged write of it, but what only removed members held. */
  lost(): string | undefined {
    const ring = this.nodes.find((node) => node !== this.#dead)!.ring
    for (let key = 0; key < KEYS; key++)
      for (const write of this.#acked[key]!) {
        const owners = ring.ownersOf(rowKeyOf(key))
        const holders = owners.filter((id) => this.#node(id)?.rows[key]?.has(write) === true)
        if (holders.length < quorum(owners.length))
          return `write ${write} of key ${key} is left on ${holders.length} of its owners`
      }
    return undefined
  }

  #add(id: string, state: ClusterState): void {
    const rows = Array.from({ length: KEYS }, () => new Set<number>())
    this.nodes.push({ id, state, ring: new Ring(state), rows })
  }

  #node(id: string): ModelNode | undefined {
    return this.nodes.find((node) => node.id === id)
  }

  #someone(): ModelNode {
    return this.nodes[this.#chance(this.nodes.length)]!
  }

  #adopt(node: ModelNode, state: ClusterState): void {
    node.state = mergeStates(node.state, state)
    node.ring = new Ring(node.state, node.ring)
  }

  #gossip(): void {
    const [from, to] = [this.#someone(), this.#someone()]
    // The dead one may have told somebody what it knew while it lived; it hears nothing any more.
    if (from !== to && to !== this.#dead && from !== this.#dead) this.#adopt(to, from.state)
  }

  #begin(kind: Request['kind']): void {
    const key = this.#chance(KEYS)
    const coordinator = this.#someone()
    if (coordinator === this.#dead) return
    const before = [...this.#acked[key]!]
    const number = ++this.#numbers
    this.#open.push({ kind, key, number, coordinator, heard: new Set(), shown: new Set(), before })
  }

  #goOn(): string | undefined {
    if (this.#open.length === 0) return undefined
    const request = this.#open[this.#chance(this.#open.length)]!
    const { kind, key, coordinator, heard } = request
    const placement = coordinator.ring.placementOf(rowKeyOf(key))
    const asked = kind === 'write' ? (placement.holders ?? placement.owners) : placement.owners
    const node = this.#node(asked[this.#chance(asked.length)]!)
    if (node === undefined || node === this.#dead || departedFor(node)) return undefined
    if (!sameDigest(node.ring.placementOf(rowKeyOf(key)).ring, placement.ring)) return undefined
    heard.add(node.id)
    if (kind === 'write') node.rows[key]!.add(request.number)
    else for (const row of node.rows[key]!) request.shown.add(row)
    return this.#conclude(request)
  }

  #conclude(request: Request): string | undefined {
    const { kind, key, coordinator, heard } = request
    const { owners, others = [] } = coordinator.ring.placementOf(rowKeyOf(key))
    const isEnough = (list: readonly string[]) =>
      list.filter((node) => heard.has(node)).length >= quorum(list.length)
    if (!(kind === 'write' ? [owners, ...others] : [owners]).every(isEnough)) return undefined
    this.#open.splice(this.#open.indexOf(request), 1)
    if (kind === 'write') {
      this.#acked[key]!.add(request.number)
      this.acknowledged++
      return undefined
    }
    this.reads++
    const missing = request.before.find((write) => !request.shown.has(write))
    return missing === undefined
      ? undefined
      : `a read of key ${key} at ${[...heard].map(shortName)} does not show write ${missing}`
  }

  #doDuty(node: ModelNode): void {
    const { state, ring } = node
    if (departedFor(node) || node === this.#dead) return
    const handed = new Map<number, readonly string[]>()
    const released = new Set<number>()
    for (const [partition, lists] of ring.moving) {
      const due = duty(node.id, partition, lists, state.moves?.handings ?? [])
      const list = lists.versions.at(-1)!.list
      if (due === 'release') released.add(partition)
      else if (due === 'hand' && this.#handOver(node, partition, list)) handed.set(partition, list)
    }
    if (handed.size + released.size === 0) return
    const { level, name: table } = ring.table
    const version = { level, table, gone: removed(state) }
    this.#adopt(node, withMoves(state, withHanding(movesOf(state), node.id, version, handed, released)))
  }

  /** An exchange with each: it needs both sides to know the same holders. */
  #handOver(node: ModelNode, partition: number, list: readonly string[]): boolean {
    const peers = list.map((id) => this.#node(id))
    const isReady = (peer: ModelNode | undefined): peer is ModelNode =>
      peer !== undefined && peer !== this.#dead && sameDigest(peer.ring.holding, node.ring.holding)
    if (!peers.every(isReady)) return false
    for (let key = 0; key < KEYS; key++) {
      if (node.ring.partitionOf(rowKeyOf(key)) !== partition) continue
      for (const peer of peers) for (const row of node.rows[key]!) peer.rows[key]!.add(row)
    }
    return true
  }

  #change(): void {
    const node = this.#someone()
    const { state } = node
    if (departedFor(node) || node === this.#dead || state.changes.length > 9) return
    if (this.#dead !== undefined && !removed(state).includes(this.#dead.id)) return this.#bury(node)
    if (this.#dead === undefined && this.#mayDie && this.#chance(3) === 0) {
      const dies = this.#someone()
      if (presentMembers(state).length > 2 && !departed(dies.state).has(dies.id)) this.#die(dies)
      return
    }
    // Where one copy would do, one that dies takes writes along.
    const amount = !this.#mayDie && this.#chance(3) === 0 ? this.#amountFor(node.ring) : undefined
    if (amount !== undefined) return this.#record(node, amount)
    const present = presentMembers(state).filter(({ id }) => !departed(state).has(id))
    if (this.#chance(2) === 0) this.#join(node)
    else if (present.length > 2) {
      const member = present[this.#chance(present.length)]!.id
      this.#record(node, { kind: 'leave', member, weight: 1, zone: '' })
    }
  }

  /** With it go the requests that it coordinates. */
  #die(node: ModelNode): void {
    this.#dead = node
    for (const request of this.#open.filter(({ coordinator }) => coordinator === node))
      this.#open.splice(this.#open.indexOf(request), 1)
  }

  get oneDied(): boolean {
    return this.#dead !== undefined
  }

  /** It is removed, or replaced by a newcomer. */
  #bury(node: ModelNode): void {
    const dead = this.#dead!.id
    if (this.#chance(2) === 0) this.#record(node, { kind: 'remove', member: dead, weight: 1, zone: '' })
    else this.#join(node, dead)
  }

  /** Twice or four times as many partitions, or another N. */
  #amountFor({ partitions, table }: Ring): Act | undefined {
    const more = partitions * 2 ** (1 + this.#chance(2))
    if (this.#chance(2) === 0) return more <= KEYS ? clusterAct('split', more) : undefined
    const copies = 1 + this.#chance(4)
    return copies === table.copies ? undefined : clusterAct('copies', copies)
  }

  #join(sponsor: ModelNode, replaced?: string): void {
    const number = this.nodes.length + 1
    const id = idOf(number)
    const arrival = { member: id, weight: 1, zone: '' }
    this.#record(
      sponsor,
      replaced === undefined ? { kind: 'join', ...arrival } : { kind: 'replace', replaced, ...arrival },
    )
    this.#adopt(sponsor, withFacts(sponsor.state, factsOf(number)))
    this.#add(id, sponsor.state)
  }

  #record(node: ModelNode, act: Act): void {
    this.#adopt(node, withChange(node.state, nextChange(node.state, node.id, act, 0)))
  }
}

function departedFor({ id, state }: Pick<ModelNode, 'id' | 'state'>): boolean {
  return removed(state).includes(id)
}

function rowKeyOf(key: number): Uint8Array {
  return Uint8Array.of((key * 256) / KEYS, 0)
}

function shortName(id: string): string {
  return id.slice(-2)
}

function factsOf(number: number): ClusterState['facts'][number] {
  return {
    id: idOf(number),
    name: `n${number}`,
    address: 'a:1',
    peerAddress: 'a:2',
    boot: 1,
    revision: 0,
    incarnation: '0'.repeat(16),
    session: '1'.repeat(16),
    incomplete: false,
  }
}
