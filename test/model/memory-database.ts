/**
 * A whole node in memory behind the face that edges use: one replica, real causality (the kernel's applyWrite), no network and no disk.
 * Edges are tested against it; it answers in a later turn, as a node does, unless told to answer at once.
 */
import { ERRORS, type ErrorCode } from '../../src/errors.js'
import {
  applyWrite,
  applyWriteBound,
  CODES,
  decodeObject,
  digestOf,
  EMPTY_CLOCK,
  keyHash,
  liveCount,
  liveCovered,
  makeRowKey,
  mergeBound,
  mergeRow,
  objectClock,
  partitionOf,
  rowActor,
  rowObject,
  splitRowKey,
  type Write,
  writtenContext,
  writtenContextBound,
} from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import type { ClusterView, Health, RingView } from '../../src/node/cluster-view.js'
import type {
  BucketRequest,
  BucketSet,
  BucketView,
  Changed,
  ChangeRequest,
  ClusterChangeRequest,
  CopiedRange,
  CopyRequest,
  Database,
  Explained,
  ExplainRequest,
  Failure,
  Found,
  GetRequest,
  Listed,
  ListRequest,
  Planned,
  PlanRequest,
  QuorumChoice,
  Restored,
  RestoreRequest,
  WriteRequest,
  Written,
} from '../../src/node/requests.js'
import { encodePage } from '../../src/wire/copied-rows.js'
import { ALONE, REFUSED } from './members.js'

const NO_ROW = new Uint8Array(0)
const NODE_ID = '00112233445566778899aabbccddeeff'
const PARTITION_BITS = 8

type Done<Outcome> = (outcome: Outcome | Failure) => void

function failure(code: ErrorCode, message: string = ERRORS[code].sentence): Failure {
  return { status: 'error', code, message }
}

export class MemoryDatabase implements Database {
  /** Rows by row key in latin1, whose order is that of the bytes. */
  readonly #rows = new Map<string, Uint8Array>()
  readonly #buckets = new Map<string, Partial<BucketView>>()
  readonly #incarnation: Uint8Array
  #actors = 0
  clusterId = 'c0ffee00c0ffee00c0ffee00c0ffee00'
  #operations = 0
  /** Members of the pretended cluster: `r` and `w` may be up to this. */
  n = 3
  /** What `health` says. */
  state: Health = { live: true, ready: true, reasons: [], warnings: [] }
  /** While set, every request gets this answer. */
  failing: Failure | undefined
  /** While true, requests wait; `resume` answers them. */
  paused = false
  /** Answers within the call. */
  immediate = false
  /** What operators asked for. */
  readonly changes: (ChangeRequest | ClusterChangeRequest)[] = []
  readonly restores: RestoreRequest[] = []
  readonly plans: PlanRequest[] = []
  /** Requests that reached the database. */
  readonly seen: (GetRequest | WriteRequest | ListRequest | ExplainRequest | BucketRequest)[] = []
  readonly #waiting: (() => void)[] = []

  constructor(incarnation: Uint8Array = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)) {
    this.#incarnation = incarnation
  }

  /** Requests that may be in progress. */
  requestLimit: number = limits.requestsInFlight
  /** Refusals so far. */
  shed = 0

  admits(inProgress: number): boolean {
    if (inProgress < this.requestLimit) return true
    this.shed++
    return false
  }

  retryAfterSeconds(): number {
    return 7
  }

  get waiting(): number {
    return this.#waiting.length
  }

  resume(): void {
    this.paused = false
    for (const answer of this.#waiting.splice(0)) answer()
  }

  get(request: GetRequest, done: Done<Found>): void {
    this.#answer(request, request.r, done, () => {
      const object = rowObject(this.#row(request.bucket, request.key))
      return { status: 'ok', object: object.length === 0 ? undefined : object, fastest: NODE_ID }
    })
  }

  write(request: WriteRequest, done: Done<Written>): void {
    this.#answer(request, request.w, done, () => this.#write(request))
  }

  list(request: ListRequest, done: Done<Listed>): void {
    this.#answer(request, undefined, done, () => this.#list(request))
  }

  explain(request: ExplainRequest, done: Done<Explained>): void {
    this.#answer(request, undefined, done, () => this.#explain(request))
  }

  bucket(bucket: Uint8Array): BucketView | undefined {
    if (this.clusterId === '') return undefined
    const set = this.#buckets.get(Buffer.from(bucket).toString('latin1'))
    return { r: 'quorum', w: 'quorum', sloppy: true, ...set }
  }

  setBucket(request: BucketRequest, done: Done<BucketSet>): void {
    const { bucket, properties } = request
    this.#answer(request, properties?.r ?? properties?.w, done, () => {
      const name = Buffer.from(bucket).toString('latin1')
      if (properties === undefined) this.#buckets.delete(name)
      else this.#buckets.set(name, properties)
      return { status: 'ok' }
    })
  }

  copy({ of, from, to }: CopyRequest, done: Done<CopiedRange>): void {
    const rows = [...this.#rows]
      .map(([latin1, row]) => ({ rowKey: Buffer.from(latin1, 'latin1'), object: rowObject(row) }))
      .filter(({ rowKey }) => Buffer.compare(rowKey, from) >= 0)
      .filter(({ rowKey }) => to === undefined || Buffer.compare(rowKey, to) < 0)
      .sort((one, other) => Buffer.compare(one.rowKey, other.rowKey))
    const digests = of === 'digests'
    const shown = digests ? rows.map(({ rowKey, object }) => ({ rowKey, object: digestOf(object) })) : rows
    const head = { incomplete: false, ring: this.cluster().ringDigest, next: NO_ROW, digests }
    done({ status: 'ok', page: encodePage({ ...head, rows: of === 'kept' ? [] : shown }) })
  }

  restore(request: RestoreRequest, done: Done<Restored>): void {
    this.restores.push(request)
    for (const { rowKey, object } of request.rows) {
      const { bucket, key } = splitRowKey(rowKey)
      this.merge(bucket, key, object)
    }
    done({ status: 'ok', written: request.rows.length, known: 0, held: 0, failed: 0 })
  }

  change(request: ChangeRequest | ClusterChangeRequest, done: Done<Changed>): void {
    this.changes.push(request)
    done({ status: 'ok', moving: 0, partitions: 2 ** PARTITION_BITS, copies: this.n })
  }

  plan(request: PlanRequest): Planned | Failure {
    const q = 2 ** PARTITION_BITS
    const { n } = this
    if (request.kind === 'leave')
      return { status: 'error', code: 'BAD_PARAM', message: 'The last member cannot go.' }
    this.plans.push(request)
    return {
      status: 'ok',
      partitions: { before: q, after: q },
      copies: { before: n, after: n },
      moving: 0,
      moves: [
        { from: 'n1', to: 'n2', partitions: 3, bytes: 3_500_000 },
        { from: 'n1', to: undefined, partitions: 2, bytes: undefined },
      ],
      members: [
        { name: 'n1', before: { partitions: q, due: q }, after: { partitions: q - 3, due: q / 2 } },
        { name: 'n2', before: undefined, after: { partitions: 3, due: q / 2 } },
      ],
      known: q,
    }
  }

  cluster(): ClusterView {
    const { n } = this
    const member = { id: NODE_ID, name: 'n1', address: '127.0.0.1:7400', peerAddress: '127.0.0.1:7500' }
    return {
      clusterId: 'c'.repeat(32),
      self: NODE_ID,
      n,
      r: Math.floor(n / 2) + 1,
      w: Math.floor(n / 2) + 1,
      partitions: 2 ** PARTITION_BITS,
      ringDigest: '0123456789abcdef',
      members: [{ ...member, ...ALONE }],
      versions: { wire: 2, storage: 1 },
      refused: [REFUSED],
      pendingHints: 0,
      tombstones: 0,
      reapingStoppedBy: [],
      transfers: 0,
      toHandOver: 0,
      move: undefined,
      reapHistory: { history: '00112233aabbccdd', rounds: 3, fromFoundation: true },
    }
  }

  ring(): RingView {
    const owners = Array.from({ length: 2 ** PARTITION_BITS }, () => [0])
    const members = [{ id: NODE_ID, name: 'n1', address: '127.0.0.1:7400' }]
    return { partitions: 2 ** PARTITION_BITS, n: this.n, ringDigest: '0123456789abcdef', members, owners }
  }

  health(): Health {
    return this.state
  }

  measurements(): ReadonlyMap<string, number> {
    return new Map([
      ['keys', this.#rows.size],
      ['requests_total{kind="any"}', this.seen.length],
    ])
  }

  /** Merges an object into a key's row, as a replicated write from another node would. */
  merge(bucket: Uint8Array, key: Uint8Array, object: Uint8Array): void {
    const row = this.#row(bucket, key)
    const out = Buffer.alloc(mergeBound(row, object))
    const length = mergeRow(row, object, false, out)
    if (length > 0) this.#rows.set(makeRowKey(bucket, key).toString('latin1'), out.subarray(0, length))
  }

  #answer<Outcome>(
    request: (typeof this.seen)[number],
    quorum: QuorumChoice | undefined,
    done: Done<Outcome>,
    work: () => Outcome | Failure,
  ): void {
    this.seen.push(request)
    const answer = (): void => {
      if (this.failing !== undefined) done(this.failing)
      else if (typeof quorum === 'number' && quorum > this.n)
        done(failure('BAD_PARAM', `r and w are at most ${this.n}.`))
      else done(work())
    }
    if (this.paused) this.#waiting.push(answer)
    else if (this.immediate) answer()
    else setImmediate(answer)
  }

  #row(bucket: Uint8Array, key: Uint8Array): Uint8Array {
    return this.#rows.get(makeRowKey(bucket, key).toString('latin1')) ?? NO_ROW
  }

  /** 8 bytes of the incarnation and a number that is never used again. */
  #freshActor(): Uint8Array {
    const actor = Buffer.alloc(14)
    actor.set(this.#incarnation)
    actor.writeUIntBE(++this.#actors, 8, 6)
    return actor
  }

  #write(request: WriteRequest): Written | Failure {
    const rowKey = makeRowKey(request.bucket, request.key)
    const row = this.#row(request.bucket, request.key)
    const before = rowObject(row)
    const context = request.context ?? (request.tombstone && before.length > 0 ? objectClock(before) : NO_ROW)
    if (request.tombstone && (before.length === 0 || liveCovered(before, context) === 0))
      return this.#nothingToDelete(request, before, context)
    const write = this.#kernelWrite(request)
    const out = Buffer.alloc(applyWriteBound(row, context, write))
    const caps = { maxSiblings: limits.siblings, maxBytes: limits.siblingBytes }
    const length = applyWrite(row, this.#freshActor(), context, write, caps, out)
    if (length === CODES.TOO_MANY_SIBLINGS) return failure('TOO_MANY_SIBLINGS')
    if (length === CODES.ALREADY) return this.#already(request, row)
    if (length <= 0) return failure(length === CODES.BAD_CONTEXT ? 'BAD_CONTEXT' : 'INTERNAL')
    const written = out.subarray(0, length)
    this.#rows.set(rowKey.toString('latin1'), written)
    return this.#written(request, written)
  }

  #kernelWrite(request: WriteRequest): Write {
    const own = Buffer.from(`memory-${++this.#operations}`)
    return {
      tombstone: request.tombstone,
      incomplete: false,
      wallMs: request.wallMs,
      operation: request.operation ?? own,
      operationIsClients: request.operation !== undefined,
      attributes: request.attributes,
      value: request.value,
    }
  }

  /** The context of the row's latest own write. */
  #written(request: WriteRequest, row: Uint8Array): Written {
    const object = rowObject(row)
    const actor = rowActor(row)!
    const own = decodeObject(object).siblings.filter(
      (sibling) => Buffer.compare(sibling.dot.actor, actor) === 0,
    )
    const counter = own.reduce((latest, sibling) => Math.max(latest, sibling.dot.counter), 0)
    const out = Buffer.alloc(writtenContextBound(object))
    const context = out.subarray(0, writtenContext(object, actor, counter, out))
    return { status: 'ok', context, object: request.returnObject ? object : undefined, fastest: NODE_ID }
  }

  /** The same operation again: its own dot where it is still there. */
  #already(request: WriteRequest, row: Uint8Array): Written {
    const object = rowObject(row)
    const same = decodeObject(object).siblings.find(
      (sibling) =>
        request.operation !== undefined && Buffer.compare(sibling.operation, request.operation) === 0,
    )
    const out = Buffer.alloc(writtenContextBound(object))
    const dot = same?.dot ?? { actor: Buffer.alloc(14), counter: 0 }
    const context = out.subarray(0, writtenContext(object, dot.actor, dot.counter, out))
    return { status: 'ok', context, object: request.returnObject ? object : undefined, fastest: NODE_ID }
  }

  #nothingToDelete(request: WriteRequest, object: Uint8Array, context: Uint8Array): Written {
    const live = object.length > 0 && liveCount(object) > 0
    const covered = live ? context : object.length > 0 ? objectClock(object) : EMPTY_CLOCK
    return {
      status: 'ok',
      context: covered.length === 0 ? EMPTY_CLOCK : covered,
      object: request.returnObject ? object : undefined,
      fastest: NODE_ID,
    }
  }

  #list({ bucket, prefix, after, limit }: ListRequest): Listed {
    const keys: Buffer[] = []
    for (const [latin1, row] of this.#rows) {
      const split = splitRowKey(Buffer.from(latin1, 'latin1'))
      if (Buffer.compare(split.bucket, bucket) !== 0 || liveCount(rowObject(row)) === 0) continue
      const key = Buffer.from(split.key)
      if (Buffer.compare(key.subarray(0, prefix.length), prefix) === 0) keys.push(key)
    }
    keys.sort(Buffer.compare)
    const rest = after === undefined ? keys : keys.filter((key) => Buffer.compare(key, after) > 0)
    const page = rest.slice(0, limit)
    const done = page.length === rest.length
    return { status: 'ok', keys: page, done, next: done ? undefined : page.at(-1) }
  }

  #explain({ bucket, key }: ExplainRequest): Explained {
    const object = rowObject(this.#row(bucket, key))
    const missing = object.length === 0
    return {
      status: 'ok',
      partition: partitionOf(makeRowKey(bucket, key), PARTITION_BITS),
      hash: keyHash(bucket, key),
      preferenceList: [{ nodeId: NODE_ID, name: 'n1', owner: true }],
      replicas: [
        {
          nodeId: NODE_ID,
          name: 'n1',
          answer: missing ? 'missing' : 'ok',
          tookMs: 0.5,
          reason: undefined,
          object: missing ? undefined : object,
          incomplete: false,
          hint: false,
        },
      ],
    }
  }
}
