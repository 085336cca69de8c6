/**
 * A get (paper 4.5): ask all N owners, answer when R distinct ones have, with every causally unrelated version; stay on for
 * the stragglers, then repair whoever turned out to be behind (read repair).
 *
 * The coordinator is an owner: it reads its own row first and sends the digest of it along, so that a replica that agrees answers
 * with one byte instead of the value. Converged replicas thus move no values and merge nothing. One that holds a large object which
 * differs answers with its skeleton first: what it lacks is all that is asked of a replica that is behind, and of several that are ahead alike one is
 * asked for the object (see unseen-objects.ts).
 *
 * Where its own row takes long (a slow disk), it does not wait for it: the others are asked as well, for all that they have.
 *
 * For an owner that is away, the next node beyond the owners is asked: it may hold a hint for that owner (paper 4.6). What it shows is
 * merged in any case; with a sloppy quorum it also counts, where the owners themselves are too few. When no owner can be reached, a
 * node that is none coordinates and begins with what it keeps itself.
 *
 * A replica that may lack rows (it lost its disk and is being filled again) is merged but does not count: its "missing" means
 * "unknown". A row that cannot be trusted likewise.
 */
import type { Failure } from '../../errors.js'
import { checkObject, digestOf, mergeObjects, mergeObjectsBound } from '../../kernel/index.js'
import type { ReplicaRow } from '../../wire/messages.js'
import { ReplicaStatus } from '../../wire/messages.js'
import type { Effect, Input, Machine, Placement } from '../effects.js'
import { type QuorumChoice, QuorumTally, quorumOf } from './quorum.js'
import { UnseenObjects } from './unseen-objects.js'

export interface Found {
  readonly status: 'ok'
  readonly object: Uint8Array | undefined
  readonly fastest: string
}

export interface ReadRequest {
  readonly id: number
  readonly self: string
  readonly rowKey: Uint8Array
  /** R */
  readonly needed: number
  /** What R came from: asked for anew where another list of owners is read. Absent: that number. */
  readonly choice?: QuorumChoice | undefined
  /** Nodes that stand in for owners count towards R. */
  readonly sloppy: boolean
  readonly placement: Placement
  readonly deadlineMs: number
}

interface Answer {
  readonly from: string
  readonly object: Uint8Array | undefined
}

/** The node's own row is in memory, or some milliseconds away on any disk that works. */
const OWN_ROW_LATE_MS = 100

const ABSENT = new Uint8Array(16)
const NOTHING = new Uint8Array(0)

export class ReadMachine implements Machine {
  readonly id: number
  readonly deadlineMs: number
  readonly #self: string
  readonly rowKey: Uint8Array
  readonly #tally: QuorumTally
  readonly #choice: QuorumChoice
  readonly #answers: Answer[] = []
  readonly #unseen = new UnseenObjects()
  #placement: Placement
  /** Digest of the local object, once it is read. */
  #digest: Uint8Array = NOTHING
  #merged: Uint8Array | undefined
  #agreed = true
  #replied = false
  /** The others have been asked. */
  #asked = false
  #lateMs = Number.POSITIVE_INFINITY

  constructor(request: ReadRequest) {
    const { placement, self } = request
    this.id = request.id
    this.#self = self
    this.rowKey = request.rowKey
    this.deadlineMs = request.deadlineMs
    this.#placement = placement
    this.#choice = request.choice ?? request.needed
    this.#tally = new QuorumTally(placement.owners, request.needed, request.sloppy)
    if (!placement.owners.includes(self)) this.#tally.standInMyself(self, placement)
  }

  get lateMs(): number {
    return this.#lateMs
  }

  start(nowMs: number, out: Effect[]): void {
    this.#lateMs = nowMs + OWN_ROW_LATE_MS
    out.push({ kind: 'read', conversation: this.id, rowKey: this.rowKey })
  }

  step(input: Input, nowMs: number, out: Effect[]): void {
    switch (input.kind) {
      case 'row':
        this.#local(input, nowMs, out)
        break
      case 'answer':
        if (input.message.type !== 4) return
        this.#answer(input.from, input.message, nowMs, out)
        break
      case 'unsent':
      case 'lost':
      case 'suspected':
        this.#away(input.to, nowMs, out)
        break
      case 'placement':
        this.#place(input.placement, nowMs, out)
        break
      case 'late':
        this.#lateMs = Number.POSITIVE_INFINITY
        this.#asked = true
        this.#askOthers(nowMs, out)
        break
      default:
        return
    }
    this.#lookAtUnseen(nowMs, out)
    this.#conclude(out)
  }

  expire(_nowMs: number, out: Effect[]): void {
    if (!this.#replied) this.#reply(out, timedOut(this.#tally, this.#placement.owners.length))
    this.#close(out)
  }

  #local(row: Input & { kind: 'row' }, nowMs: number, out: Effect[]): void {
    this.#lateMs = Number.POSITIVE_INFINITY
    if (row.object === undefined) this.#digest = row.known ? ABSENT : NOTHING
    else this.#digest = digestOf(row.object)
    if (this.#answers.length === 0) this.#merged = row.object
    else if (row.object !== undefined) this.#merge(row.object)
    else if (this.#merged !== undefined) this.#agreed = false
    this.#take(this.#self, row.object, row.counts && row.known)
    const first = !this.#asked
    this.#asked = true
    if (!row.known) this.#away(this.#self, nowMs, out)
    if (first) this.#askOthers(nowMs, out)
  }

  /** Every owner but this node. */
  #askOthers(nowMs: number, out: Effect[]): void {
    for (const owner of this.#placement.owners) {
      if (owner === this.#self) continue
      if (this.#tally.isOpen(owner)) this.#ask(owner, this.#digest, nowMs, out)
      else this.#standIn(owner, nowMs, out)
    }
  }

  /** With no digest: for the object itself, whatever it is. */
  #ask(owner: string, digest: Uint8Array, nowMs: number, out: Effect[]): void {
    const message = {
      type: 3,
      id: this.id,
      leftMs: Math.max(0, Math.ceil(this.deadlineMs - nowMs)),
      ring: this.#placement.ring,
      rowKey: this.rowKey,
      digest,
    } as const
    out.push({ kind: 'send', conversation: this.id, to: owner, message })
  }

  /** An owner, or one who stands in for one, is not to be expected to show anything. */
  #away(node: string, nowMs: number, out: Effect[]): void {
    const owner = this.#tally.standsInFor(node) ?? node
    this.#unseen.forget(node)
    if (owner === node) this.#tally.fail(node)
    else this.#tally.failStandIn(node)
    if (this.#asked && this.#placement.owners.includes(owner)) this.#standIn(owner, nowMs, out)
  }

  #standIn(owner: string, nowMs: number, out: Effect[]): void {
    if (this.#tally.hasCounted(owner) || this.#tally.hasStandIn(owner)) return
    const node = this.#tally.standIn(owner, this.#placement, this.#self)
    if (node !== undefined) this.#ask(node, this.#digest, nowMs, out)
  }

  #answer(from: string, row: ReplicaRow, nowMs: number, out: Effect[]): void {
    const standsIn = this.#tally.standsInFor(from) !== undefined
    if (!this.#tally.isOpen(from) && this.#hasAnswered(from)) return
    if (row.status === ReplicaStatus.skeleton) {
      this.#agreed = false
      this.#unseen.add(from, row.object, !row.incomplete)
      return
    }
    this.#unseen.forget(from)
    switch (row.status) {
      case ReplicaStatus.same:
        this.#take(from, this.#answers[0]?.object, !row.incomplete)
        return
      case ReplicaStatus.ok:
        if (this.#merge(row.object)) this.#take(from, row.object, !row.incomplete)
        else this.#away(from, nowMs, out)
        return
      case ReplicaStatus.missing:
        if (this.#merged !== undefined && !standsIn) this.#agreed = false
        this.#take(from, undefined, !row.incomplete)
        return
      case ReplicaStatus.stale:
        out.push({ kind: 'learn', conversation: this.id, from, state: row.state })
        return
      case ReplicaStatus.unknown:
        this.#agreed = false
        this.#take(from, undefined, false)
        this.#away(from, nowMs, out)
        return
      default:
        this.#away(from, nowMs, out)
    }
  }

  /** Who told its versions without their values counts once all of them are here: from this node, from others, or from itself, asked once more. */
  #lookAtUnseen(nowMs: number, out: Effect[]): void {
    for (const { from, counts, standing } of this.#unseen.settle(this.#merged)) {
      if (standing === 'malformed') this.#away(from, nowMs, out)
      else this.#take(from, standing === 'alike' ? this.#merged : undefined, counts)
    }
    for (const from of this.#unseen.toAsk()) this.#ask(from, NOTHING, nowMs, out)
  }

  /** One that failed (it was suspected) may answer all the same. */
  #hasAnswered(node: string): boolean {
    return this.#answers.some(({ from }) => from === node)
  }

  #take(from: string, object: Uint8Array | undefined, counts: boolean): void {
    this.#answers.push({ from, object })
    const standsIn = this.#tally.standsInFor(from) !== undefined
    if (counts && standsIn) this.#tally.countStandIn(from)
    else if (counts) this.#tally.count(from)
    else if (standsIn) this.#tally.failStandIn(from)
    else this.#tally.fail(from)
  }

  /** False when the peer's bytes are no object. */
  #merge(object: Uint8Array): boolean {
    this.#agreed = false
    if (this.#merged === undefined) {
      if (checkObject(object) !== 0) return false
      this.#merged = object
      return true
    }
    const out = Buffer.allocUnsafe(mergeObjectsBound(this.#merged, object))
    const length = mergeObjects(this.#merged, object, out)
    if (length > 0) this.#merged = out.subarray(0, length)
    return length > 0
  }

  /** The table changed under way: only its owners count from now on; ask those not asked under it and not yet heard. */
  #place(placement: Placement, nowMs: number, out: Effect[]): void {
    this.#placement = placement
    this.#unseen.clear()
    this.#tally.place(placement.owners, quorumOf(this.#choice, placement.owners.length))
    if (!placement.owners.includes(this.#self)) this.#tally.standInMyself(this.#self, placement)
    for (const owner of placement.owners) {
      if (!this.#tally.isOpen(owner)) continue
      if (owner !== this.#self) this.#ask(owner, this.#digest, nowMs, out)
      // It stood in until now; as an owner it counts with what it holds now.
      else if (this.#hasAnswered(owner))
        out.push({ kind: 'read', conversation: this.id, rowKey: this.rowKey })
    }
  }

  #conclude(out: Effect[]): void {
    if (!this.#replied && this.#answers.length > 0) {
      if (this.#tally.enough) this.#reply(out, { status: 'ok', object: this.#merged, fastest: this.#self })
      else if (this.#tally.hopeless) this.#reply(out, unmetRead(this.#tally, this.#placement.owners.length))
    }
    if (this.#replied && this.#tally.settled) this.#close(out)
  }

  #reply(out: Effect[], outcome: Found | Failure): void {
    this.#replied = true
    out.push({ kind: 'done', conversation: this.id, outcome })
  }

  /** Read repair: every owner that answered something else than the merged object gets it. It merges; nothing unseen is overwritten. */
  #close(out: Effect[]): void {
    if (!this.#agreed && this.#merged !== undefined) this.#repair(this.#merged, out)
    out.push({ kind: 'close', conversation: this.id })
  }

  #repair(merged: Uint8Array, out: Effect[]): void {
    for (const { from, object } of this.#answers) {
      if (!this.#placement.owners.includes(from)) continue
      if (object === merged || (object !== undefined && Buffer.compare(object, merged) === 0)) continue
      if (from === this.#self)
        out.push({ kind: 'merge', conversation: 0, rowKey: this.rowKey, object: merged })
      else {
        const message = {
          type: 1,
          id: 0,
          leftMs: 0,
          ring: this.#placement.ring,
          rowKey: this.rowKey,
          object: merged,
          durable: false,
        } as const
        out.push({ kind: 'send', conversation: 0, to: from, message })
      }
    }
  }
}

/** The sentence of the error itself speaks of writes. */
export const TOO_FEW_TO_READ = 'Fewer nodes than the read needs could be reached.'

function unmetRead(tally: QuorumTally, n: number): Failure {
  const numbers = { needed: tally.needed, got: tally.reachable, n }
  return { status: 'error', code: 'QUORUM_UNMET', message: TOO_FEW_TO_READ, numbers }
}

export function timedOut(tally: QuorumTally, n: number): Failure {
  return { status: 'error', code: 'TIMEOUT', numbers: { needed: tally.needed, got: tally.gotInAll, n } }
}
