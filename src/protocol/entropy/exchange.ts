/**
 * One exchange of two replicas: find the rows in which they differ by talking about few others, and bring both to the join (paper 4.7).
 *
 *     this node                                      the peer
 *     digest over the roots of a chunk     ──▶
 *                                          ◀──       same (that was all), or its roots
 *     which nodes are below these?         ──▶       … level by level, only below what differs
 *     keys of these segments?              ──▶
 *                                          ◀──       keys with the digests of their objects
 *     rows of the keys that differ, with   ──▶
 *     the skeletons of this node's own     ◀──       the object, where this node lacks something; "yours", where the peer does
 *     rows that the peer lacks             ──▶       merged there; this node has merged the others meanwhile
 *
 * Nothing is ever put in the place of anything: a row goes through the key's lane on either side, which joins it to what is there then,
 * seen by this exchange or not. So what was compared may be out of date, and often is: the worst that comes of it is a row sent for nothing.
 * The peer answers each question for itself and remembers none; an exchange that ends anywhere has only repaired less.
 *
 * One question is under way at a time, and each has a number of its own: what answers an earlier one, and comes twice or late, would lead down another
 * branch of the tree, where nothing differs. Nodes that differ are taken from the end of their list, so that the list stays short however
 * much differs: it grows by eight for each node taken, level below level, and segments are dealt with as soon as a message is full of them.
 */
import { skeletonOf } from '../../kernel/index.js'
import { limits } from '../../limits.js'
import type { Digest64, Message, SegmentRowsFound, TreePlace } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input } from '../effects.js'
import {
  type Difference,
  differences,
  earlierEnd,
  type FoundKey,
  isSorted,
  isUnreadable,
  type ListedRow,
} from './differences.js'
import { digestOfRoots, type Trees } from './trees.js'

const NODE_BYTES = 16
const NOTHING = new Uint8Array(0)

export interface ExchangeTask {
  /** The number of the exchange, and of its first question. */
  readonly id: number
  /** Numbers for its other questions. */
  nextId(): number
  readonly peer: string
  /** Of what anybody holds. */
  readonly ring: Digest64
  /** What a write of this row is sent under. */
  ringOf(rowKey: Uint8Array): Digest64
  readonly chunk: number
  /** Partitions of the chunk, rising; the peer counts them likewise. */
  readonly partitions: readonly number[]
  /** In which order they are gone through, where they differ: the lowest first, and of equal ones the last. */
  rankOf(partition: number): number
  readonly deadlineMs: number
}

export interface ListSegments {
  readonly kind: 'list-segments'
  readonly segments: readonly number[]
  /** Empty = the first row. */
  readonly from: Uint8Array
  /** Excluded; empty = the last row. */
  readonly to: Uint8Array
}

export interface Listed {
  readonly kind: 'listed'
  readonly failed: boolean
  readonly rows: readonly ListedRow[]
  /** Where the list goes on; empty = nothing more. */
  readonly next: Uint8Array
}

export type ExchangeInput = Input | Listed

export type ExchangeEffect =
  | Extract<Effect, { kind: 'send' | 'merge' }>
  | ListSegments
  | { readonly kind: 'ended'; readonly outcome: ExchangeOutcome }

export interface ExchangeOutcome {
  /**
   * `same`: one digest told that nothing differs. `repaired`: all that differed was exchanged. Else why it was broken off: `late`, the time was up;
   * `silent`, `lost`, `storage`; or what the peer said.
   */
  readonly result: 'same' | 'repaired' | 'late' | 'silent' | 'lost' | 'storage' | keyof typeof ReplicaStatus
  /** Partitions whose roots differed. */
  readonly differing: number
  /** Rows taken from the peer, and sent to it. */
  readonly pulled: number
  readonly pushed: number
  /** Segments that differed while all their keys agreed: rows on their way, or a tree that is wrong. */
  readonly falseAlarms: number
  /** The peer may lack rows, or could not read some that were compared: it does not tell what a replica that lost rows has to know. */
  readonly doubtful: boolean
}

/** Segments whose keys are being compared, from a row key on. */
interface Round {
  readonly segments: readonly number[]
  readonly from: Uint8Array
  readonly found: number
}

export class Exchange {
  readonly task: ExchangeTask
  /** The number of the question under way. */
  question: number
  readonly #trees: Trees
  /** Nodes above the segments that differ. */
  #nodes: TreePlace[] = []
  /** Segments that differ, counted over the ring. */
  #segments: number[] = []
  #round: Round | undefined
  #theirs: { readonly keys: readonly FoundKey[]; readonly next: Uint8Array } | undefined
  /** To be asked for, and to be sent. */
  #wants: Difference[] = []
  #gives: Difference[] = []
  /** What the question under way is about. */
  #askedNodes: readonly TreePlace[] = []
  #askedRows: readonly Difference[] = []
  #merging = 0
  #storing = 0
  #expects = 0
  #untilMs = 0
  #ended = false
  #differing = 0
  #pulled = 0
  #pushed = 0
  #falseAlarms = 0
  #doubtful = false
  /** A tree here told nothing any more: what is below it was left out. */
  #stale = false

  constructor(task: ExchangeTask, trees: Trees) {
    this.task = task
    this.question = task.id
    this.#trees = trees
  }

  start(nowMs: number, out: ExchangeEffect[]): void {
    const { ring, chunk, partitions } = this.task
    const digest = digestOfRoots(this.#trees.roots(partitions))
    this.#ask({ type: 40, id: this.question, ring, chunk, digest }, 41, nowMs, out)
  }

  step(input: ExchangeInput, nowMs: number, out: ExchangeEffect[]): void {
    if (this.#ended) return
    switch (input.kind) {
      case 'answer':
        if (input.from === this.task.peer && this.#isAsked(input.message))
          this.#answered(input.message, nowMs, out)
        return
      case 'listed':
        if (this.#theirs !== undefined) this.#listed(input, nowMs, out)
        return
      case 'settled':
        this.#settled(input.fault === undefined, nowMs, out)
        return
      case 'unsent':
      case 'lost':
        if (input.to === this.task.peer) this.#end('lost', out)
        return
      default:
    }
  }

  /** Call often. */
  tick(nowMs: number, out: ExchangeEffect[]): void {
    if (!this.#ended && nowMs >= this.#untilMs) this.#end('silent', out)
  }

  /** Rows that it gives wait here for their turn: the peer is not to be blamed for what it has not been sent. */
  isHeldBack(nowMs: number): void {
    this.#untilMs = nowMs + limits.exchangeAnswerMs
  }

  /** The ring has changed, or the node has no time for it. */
  abandon(out: ExchangeEffect[]): void {
    if (!this.#ended) this.#end('stale', out)
  }

  #isAsked(message: Message): boolean {
    return message.type === this.#expects && 'id' in message && message.id === this.question
  }

  #answered(message: Message, nowMs: number, out: ExchangeEffect[]): void {
    if ('incomplete' in message && message.incomplete) this.#doubtful = true
    switch (message.type) {
      case 41:
        if (message.status === ReplicaStatus.same) this.#end('same', out)
        else if (this.#accepts(message.status, out)) this.#rootsFound(message.roots, nowMs, out)
        return
      case 43:
        if (this.#accepts(message.status, out)) this.#nodesFound(message.nodes, nowMs, out)
        return
      case 45:
        if (this.#accepts(message.status, out)) this.#keysFound(message.keys, message.next, nowMs, out)
        return
      case 47:
        if (this.#accepts(message.status, out)) this.#rowsFound(message.rows, nowMs, out)
        return
      case 2:
        if (!this.#accepts(message.status, out)) return
        this.#pushed++
        if (--this.#storing === 0) this.#next(nowMs, out)
        return
      default:
    }
  }

  #accepts(status: ReplicaStatus, out: ExchangeEffect[]): boolean {
    if (status === ReplicaStatus.ok || status === ReplicaStatus.buffered) return true
    const names = Object.keys(ReplicaStatus) as (keyof typeof ReplicaStatus)[]
    this.#end(names.find((name) => ReplicaStatus[name] === status)!, out)
    return false
  }

  #rootsFound(roots: Uint8Array, nowMs: number, out: ExchangeEffect[]): void {
    const { partitions } = this.task
    if (roots.length !== partitions.length * NODE_BYTES) return this.#end('refused', out)
    const mine = this.#trees.roots(partitions)
    partitions.forEach((partition, index) => {
      const [from, to] = [index * NODE_BYTES, (index + 1) * NODE_BYTES]
      if (mine.compare(roots, from, to, from, to) === 0) return
      this.#differing++
      this.#nodes.push({ partition, level: 0, node: 0 })
    })
    // They are taken from the end.
    const { rankOf } = this.task
    this.#nodes.sort((one, other) => rankOf(other.partition) - rankOf(one.partition))
    this.#next(nowMs, out)
  }

  /** What is to be done next, the last things of the chain first. */
  #next(nowMs: number, out: ExchangeEffect[]): void {
    if (nowMs >= this.task.deadlineMs) this.#end('late', out)
    else if (this.#gives.length > 0) this.#give(nowMs, out)
    else if (this.#wants.length > 0) this.#askRows(nowMs, out)
    else if (this.#round !== undefined) this.#askKeys(this.#round, nowMs, out)
    else if (this.#segments.length >= limits.exchangeSegments) this.#beginRound(nowMs, out)
    else if (this.#nodes.length > 0) this.#askNodes(nowMs, out)
    else if (this.#segments.length > 0) this.#beginRound(nowMs, out)
    else this.#end(this.#stale ? 'unavailable' : 'repaired', out)
  }

  #askNodes(nowMs: number, out: ExchangeEffect[]): void {
    const { ring } = this.task
    const places = this.#nodes.splice(-limits.exchangePlaces)
    this.#askedNodes = places
    this.#ask({ type: 42, id: this.#nextQuestion(), ring, places }, 43, nowMs, out)
  }

  #nodesFound(nodes: Uint8Array, nowMs: number, out: ExchangeEffect[]): void {
    const { shape } = this.#trees
    const asked = this.#askedNodes
    const sizes = asked.map(({ level }) => shape.fan(level) * NODE_BYTES)
    if (nodes.length !== sizes.reduce((sum, size) => sum + size, 0)) return this.#end('refused', out)
    let at = 0
    asked.forEach((place, index) => {
      const theirs = nodes.subarray(at, at + sizes[index]!)
      at += sizes[index]!
      this.#descend(place, theirs)
    })
    this.#next(nowMs, out)
  }

  #descend({ partition, level, node }: TreePlace, theirs: Uint8Array): void {
    if (!this.#trees.isReady(partition)) {
      this.#stale = true
      return
    }
    for (const below of this.#trees.differing(partition, level, node, theirs)) {
      if (level + 1 < this.#trees.shape.depth) this.#nodes.push({ partition, level: level + 1, node: below })
      else this.#segments.push(this.#trees.shape.ringSegment(partition, below))
    }
  }

  #beginRound(nowMs: number, out: ExchangeEffect[]): void {
    const segments = this.#segments.splice(-limits.exchangeSegments).sort((left, right) => left - right)
    this.#askKeys({ segments, from: NOTHING, found: 0 }, nowMs, out)
  }

  #askKeys(round: Round, nowMs: number, out: ExchangeEffect[]): void {
    const { ring } = this.task
    const { segments, from } = round
    this.#round = round
    this.#ask({ type: 44, id: this.#nextQuestion(), ring, from, segments }, 45, nowMs, out)
  }

  /** Now the same keys here: up to where the peer's list ends. */
  #keysFound(keys: readonly FoundKey[], next: Uint8Array, nowMs: number, out: ExchangeEffect[]): void {
    const { segments, from } = this.#round!
    const goesOn = next.length === 0 || Buffer.compare(next, from) > 0
    if (!goesOn || !isSorted(keys, from)) return this.#end('refused', out)
    this.#theirs = { keys, next }
    this.#expects = 0
    this.#untilMs = nowMs + limits.exchangeAnswerMs
    out.push({ kind: 'list-segments', segments, from, to: next })
  }

  #listed({ failed, rows, next }: Listed, nowMs: number, out: ExchangeEffect[]): void {
    const theirs = this.#theirs!
    const round = this.#round!
    this.#theirs = undefined
    if (failed) return this.#end('storage', out)
    // Both lists are whole up to where the shorter one ends.
    const end = earlierEnd(next, theirs.next)
    const { wants, gives } = differences(rows, theirs.keys, end)
    if (theirs.keys.some(isUnreadable)) this.#doubtful = true
    this.#wants.push(...wants)
    this.#gives.push(...gives)
    const found = round.found + wants.length + gives.length
    this.#round = end.length > 0 ? { ...round, from: end, found } : undefined
    if (this.#round === undefined && found === 0) this.#falseAlarms += round.segments.length
    this.#next(nowMs, out)
  }

  #askRows(nowMs: number, out: ExchangeEffect[]): void {
    const { ring } = this.task
    const asked = this.#wants.splice(0, limits.exchangeRows)
    const keys = asked.map(({ rowKey, object }) => ({ rowKey, skeleton: skeletonOf(object) }))
    this.#askedRows = asked
    this.#ask({ type: 46, id: this.#nextQuestion(), ring, keys }, 47, nowMs, out)
  }

  #rowsFound(rows: SegmentRowsFound['rows'], nowMs: number, out: ExchangeEffect[]): void {
    const asked = this.#askedRows
    if (rows.length === 0 || rows.length > asked.length) return this.#end('refused', out)
    this.#wants.unshift(...asked.slice(rows.length))
    this.#expects = 0
    this.#untilMs = nowMs + limits.exchangeAnswerMs
    rows.forEach(({ wants, object }, index) => {
      const difference = asked[index]!
      if (wants && difference.object !== undefined) this.#gives.push(difference)
      if (object.length === 0) return
      this.#merging++
      const { rowKey } = difference
      out.push({ kind: 'merge', conversation: this.task.id, rowKey, object })
    })
    if (this.#merging === 0) this.#next(nowMs, out)
  }

  #settled(stored: boolean, nowMs: number, out: ExchangeEffect[]): void {
    if (!stored) return this.#end('storage', out)
    this.#pulled++
    if (--this.#merging === 0) this.#next(nowMs, out)
  }

  /** As many as may be on their way; each is answered when it is durable there. */
  #give(nowMs: number, out: ExchangeEffect[]): void {
    const { peer: to, ringOf } = this.task
    const id = this.#nextQuestion()
    this.#expects = 2
    this.#untilMs = nowMs + limits.exchangeAnswerMs
    const leftMs = limits.exchangeAnswerMs
    for (let bytes = 0; bytes < limits.exchangeBytes && this.#storing < limits.exchangeRows; ) {
      const difference = this.#gives.shift()
      if (difference === undefined) break
      const { rowKey, object = NOTHING } = difference
      bytes += object.length
      this.#storing++
      const message = { type: 1, id, leftMs, ring: ringOf(rowKey), rowKey, object, durable: true } as const
      out.push({ kind: 'send', conversation: id, to, message })
    }
  }

  #nextQuestion(): number {
    this.question = this.task.nextId()
    return this.question
  }

  #ask(message: Message, expects: number, nowMs: number, out: ExchangeEffect[]): void {
    this.#expects = expects
    this.#untilMs = nowMs + limits.exchangeAnswerMs
    out.push({ kind: 'send', conversation: this.question, to: this.task.peer, message })
  }

  #end(result: ExchangeOutcome['result'], out: ExchangeEffect[]): void {
    this.#ended = true
    const [differing, pulled, pushed] = [this.#differing, this.#pulled, this.#pushed]
    const [falseAlarms, doubtful] = [this.#falseAlarms, this.#doubtful]
    out.push({ kind: 'ended', outcome: { result, differing, pulled, pushed, falseAlarms, doubtful } })
  }
}

/** How a comparison ends that is not begun: a tree of the chunk is being built. */
export const NOT_BEGUN: ExchangeOutcome = {
  result: 'unavailable',
  differing: 0,
  pulled: 0,
  pushed: 0,
  falseAlarms: 0,
  doubtful: false,
}
