/** What this node answers when a peer asks its replica: store this, show that row, show a range, list keys. */
import { liveCount, makeRowKey, objectDigest, rowObject, skeletonOf, versionDigest } from '../kernel/index.js'
import type { Clock } from '../ports/clock.js'
import type { Scheduler } from '../ports/scheduler.js'
import { type Governor, REFILL_PAGE_UNITS } from '../protocol/background/governor.js'
import type { LocalFault } from '../protocol/effects.js'
import { isNodeId } from '../protocol/hints/record.js'
import type { Membership } from '../protocol/membership/membership.js'
import { sameDigest } from '../protocol/membership/ring.js'
import type {
  Digest64,
  HintedWrite,
  ListKeys,
  Message,
  RangeRead,
  ReplicaRead,
  ReplicaWrite,
} from '../wire/messages.js'
import { ReplicaStatus } from '../wire/messages.js'
import type { Admission } from './admission.js'
import type { Drain } from './drain.js'
import { EarlyRequests } from './early-requests.js'
import type { ScanPage, StorageGuard } from './guard/index.js'
import type { Outflow } from './outflow.js'
import { PeerService } from './peer-service.js'
import type { LocalRow, Replica } from './replica.js'

const NOTHING = new Uint8Array(0)
const ABSENT = new Uint8Array(16)
const PAGE_ROWS = 512
const PAGE_BYTES = 1024 * 1024

export interface AnsweringParts {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly replica: Replica
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly admission: Admission
  readonly governor: Governor
  /** Rows that were read and not yet sent. */
  readonly reads: Drain
  readonly outflow: Outflow
  /** Larger objects are shown without their values, where the asker has one of its own to hold against them. */
  readonly shownWholeBytes: number
  reply(to: string, message: Message): void
}

export class Answering {
  readonly #parts: AnsweringParts
  readonly #digest = new Uint8Array(16)
  /** A range read or a listing under way for a peer: one of each at a time, so that bulk cannot crowd out requests. */
  readonly #bulk = new Set<string>()

  readonly #service: PeerService
  readonly #early: EarlyRequests

  constructor(parts: AnsweringParts) {
    this.#parts = parts
    this.#early = new EarlyRequests(parts)
    this.#service = new PeerService(parts.clock, (tookMs) => parts.governor.served(tookMs))
  }

  /** Other lists of owners may be in force. */
  adopted(): void {
    this.#early.adopted()
  }

  stop(): void {
    this.#early.stop()
  }

  /** Stores the object; the answer leaves when it is durable (see `stored`). `sinceMs`: when it came, if it has waited since. */
  write(from: string, message: ReplicaWrite, sinceMs?: number): void {
    const { membership } = this.#parts
    const { id, ring, rowKey, object, durable } = message
    const placement = membership.ring.placementOf(rowKey)
    if (!sameDigest(ring, placement.ring)) {
      if (this.#early.holds(message, sinceMs, (since) => this.write(from, message, since))) return
      this.#written(from, id, ReplicaStatus.stale, membership.encoded)
      return
    }
    const isMine = (placement.holders ?? placement.owners).includes(membership.self)
    const fault = this.#flood() ?? this.#parts.replica.refusal() ?? (isMine ? undefined : 'refused')
    if (fault !== undefined) {
      this.#written(from, id, statusOf(fault), NOTHING)
      return
    }
    // What is to be on the disk in any mode comes from work in the background, and for the most part nothing else does.
    if (!durable) this.#service.began(from, id)
    const merge = { kind: 'merge', conversation: 0, peer: from, messageId: id, object, durable } as const
    this.#parts.replica.submit(rowKey, merge)
  }

  /** Keeps the object for an owner that is away; the answer leaves when it is durable here. */
  hint(from: string, message: HintedWrite, sinceMs?: number): void {
    const { membership } = this.#parts
    const { hints } = this.#parts.replica
    const { id, ring, target, rowKey, object } = message
    if (!this.#isCurrent(ring, rowKey)) {
      if (this.#early.holds(message, sinceMs, (since) => this.hint(from, message, since))) return
      this.#written(from, id, ReplicaStatus.stale, membership.encoded)
      return
    }
    const owners = membership.ring.holdersOf(rowKey)
    const isMine = owners.includes(membership.self) || !owners.includes(target) || !isNodeId(target)
    const fault =
      isMine || object.length === 0
        ? 'refused'
        : (this.#flood() ?? hints.refusal(rowKey.length + object.length, false))
    if (fault !== undefined) this.#written(from, id, statusOf(fault), NOTHING)
    else
      hints.submit(rowKey, {
        kind: 'keep',
        conversation: 0,
        peer: from,
        messageId: id,
        object,
        targets: [target],
      })
  }

  /** What `write` or `hint` asked the lane for has come to its end. */
  stored(to: string, id: number, fault: LocalFault | 'refused' | undefined, buffered: boolean): void {
    if (id === 0) return
    this.#service.ended(to, id)
    const held = buffered ? ReplicaStatus.buffered : ReplicaStatus.ok
    this.#written(to, id, fault === undefined ? held : statusOf(fault), NOTHING)
  }

  read(from: string, message: ReplicaRead, sinceMs?: number): void {
    const { id, ring, rowKey, digest } = message
    if (!this.#isCurrent(ring, rowKey)) {
      if (this.#early.holds(message, sinceMs, (since) => this.read(from, message, since))) return
      this.#notRead(from, id, ReplicaStatus.stale, this.#parts.membership.encoded)
      return
    }
    const flood = this.#flood()
    if (flood !== undefined) {
      this.#notRead(from, id, statusOf(flood), NOTHING)
      return
    }
    const { reads } = this.#parts
    const begun = reads.enter()
    this.#service.began(from, id)
    this.#parts.replica.read(rowKey, (row) => {
      this.#show(from, id, row, digest)
      this.#service.ended(from, id)
      reads.leave(begun)
    })
  }

  range(from: string, { id, ring, from: start, maxRows, maxBytes }: RangeRead): void {
    const { guard, membership, reads, governor, outflow } = this.#parts
    // Under another table other rows would be the asker's.
    if (!sameDigest(ring, membership.ring.digest)) {
      this.#rows(from, id, ReplicaStatus.stale)
      return
    }
    if (this.#bulk.has(from) || !governor.take('rebuild', REFILL_PAGE_UNITS)) {
      this.#rows(from, id, ReplicaStatus.overloaded)
      return
    }
    this.#bulk.add(from)
    const limit = {
      maxRows: Math.min(maxRows, PAGE_ROWS) || 1,
      maxBytes: Math.min(maxBytes, PAGE_BYTES, Math.ceil(outflow.pieceBytes)) || 1,
    }
    const begun = reads.enter()
    guard.scan({ from: start, ...limit }, (page) => {
      const over = () => {
        this.#bulk.delete(from)
        reads.leave(begun)
      }
      if (page.failed) {
        this.#rows(from, id, ReplicaStatus.unavailable)
        over()
      } else guard.slices.run('rebuild', () => this.#page(from, id, page, over))
    })
  }

  #page(to: string, id: number, page: ScanPage, sent: () => void): void {
    const { membership } = this.#parts
    const mine = page.rows.filter(
      ({ rowKey, row }) => row !== 'unreadable' && membership.ring.holdersOf(rowKey).includes(to),
    )
    const rows = mine.map(({ rowKey, row }) => ({ rowKey, object: rowObjectOf(row) }))
    const incomplete = membership.own.incomplete || page.damaged
    const next = page.next ?? NOTHING
    const leave = () => {
      this.#parts.reply(to, { type: 10, id, status: ReplicaStatus.ok, incomplete, next, rows })
      sent()
    }
    this.#parts.outflow.send('pages', rows, { leave })
  }

  list(from: string, { id, ring, bucket, prefix, after, limit }: ListKeys): void {
    const { guard, membership } = this.#parts
    if (!sameDigest(ring, membership.ring.digest)) {
      this.#keys(from, id, ReplicaStatus.stale, membership.encoded)
      return
    }
    const start = after.length > 0 ? { after } : {}
    guard.scanIndex(
      { bucket, prefix, ...start, maxRows: Math.max(1, Math.min(limit, PAGE_ROWS * 2)) },
      (page) => {
        if (page.failed) this.#keys(from, id, ReplicaStatus.unavailable, NOTHING)
        else this.#listed(from, id, bucket, page.keys, page.next === undefined, page.damaged)
      },
    )
  }

  #listed(
    from: string,
    id: number,
    bucket: Uint8Array,
    keys: readonly Uint8Array[],
    done: boolean,
    damaged: boolean,
  ): void {
    const rowKeys = keys.map((key) => makeRowKey(bucket, key))
    this.#parts.replica.readMany(rowKeys, (rows) => {
      const entries = keys.map((key, i) => ({ key, ...summary(rows[i]!) }))
      const incomplete = this.#parts.membership.own.incomplete || damaged
      this.#parts.reply(from, {
        type: 12,
        id,
        status: ReplicaStatus.ok,
        incomplete,
        state: NOTHING,
        keys: entries,
        done,
      })
    })
  }

  #flood(): LocalFault | undefined {
    return this.#parts.admission.isFlooded() ? 'overloaded' : undefined
  }

  #notRead(to: string, id: number, status: ReplicaStatus, state: Uint8Array): void {
    this.#parts.reply(to, { type: 4, id, status, incomplete: false, object: NOTHING, state })
  }

  #isCurrent(ring: Digest64, rowKey: Uint8Array): boolean {
    return sameDigest(ring, this.#parts.membership.ring.placementOf(rowKey).ring)
  }

  #written(to: string, id: number, status: ReplicaStatus, state: Uint8Array): void {
    if (id !== 0) this.#parts.reply(to, { type: 2, id, status, state })
  }

  #rows(to: string, id: number, status: ReplicaStatus): void {
    this.#parts.reply(to, { type: 10, id, status, incomplete: true, next: NOTHING, rows: [] })
  }

  #keys(to: string, id: number, status: ReplicaStatus, state: Uint8Array): void {
    this.#parts.reply(to, { type: 12, id, status, incomplete: true, state, keys: [], done: true })
  }

  #show(to: string, id: number, row: LocalRow, asked: Uint8Array): void {
    const incomplete = row.incomplete || this.#parts.membership.own.incomplete
    const status = this.#compare(row, asked)
    const whole = status === ReplicaStatus.ok ? row.object! : NOTHING
    // Whoever sent no digest has nothing to compare with, or has compared already.
    const skeleton = asked.length === 16 ? this.#outline(whole) : undefined
    const shown =
      skeleton === undefined
        ? { status, object: whole }
        : { status: ReplicaStatus.skeleton, object: skeleton }
    this.#parts.reply(to, { type: 4, id, ...shown, incomplete, state: NOTHING })
  }

  /** Clock and dots of an object that is too large to be sent on the chance that it is wanted. */
  #outline(object: Uint8Array): Uint8Array | undefined {
    if (object.length <= this.#parts.shownWholeBytes) return undefined
    const skeleton = skeletonOf(object)
    return skeleton.length > 0 && skeleton.length < object.length ? skeleton : undefined
  }

  #compare({ object, known }: LocalRow, asked: Uint8Array): ReplicaStatus {
    if (!known) return ReplicaStatus.unknown
    if (object === undefined)
      return asked.length === 16 && Buffer.compare(asked, ABSENT) === 0
        ? ReplicaStatus.same
        : ReplicaStatus.missing
    if (asked.length !== 16) return ReplicaStatus.ok
    objectDigest(object, this.#digest)
    return Buffer.compare(asked, this.#digest) === 0 ? ReplicaStatus.same : ReplicaStatus.ok
  }
}

function rowObjectOf(row: Uint8Array | 'unreadable'): Uint8Array {
  return row === 'unreadable' ? NOTHING : rowObject(row)
}

function summary({ object, known }: LocalRow): { live: boolean; digest: Uint8Array } {
  if (!known || object === undefined) return { live: false, digest: NOTHING }
  const digest = new Uint8Array(16)
  versionDigest(object, digest)
  return { live: liveCount(object) > 0, digest }
}

function statusOf(fault: LocalFault | 'refused'): ReplicaStatus {
  switch (fault) {
    case 'full':
      return ReplicaStatus.full
    case 'overloaded':
      return ReplicaStatus.overloaded
    case 'unavailable':
      return ReplicaStatus.unavailable
    case 'refused':
      return ReplicaStatus.refused
  }
}
