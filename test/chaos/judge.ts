/**
 * Judges a history: replays it into the ledger of the simulator and holds every answer against the rules that the simulator's
 * checkers hold it against (`test/sim/check/history-check.ts`). It looks at no clock and no dot.
 *
 * What a client cannot see, it does not claim: the context of a put's answer covers also what had been replaced where the put was
 * coordinated. Here that is everything that had been superseded by then, which is at least as much.
 */
import { ERRORS, type ErrorCode } from '../../src/errors.js'
import { coverSwept, HistoryCheck } from '../sim/check/history-check.js'
import { Violations } from '../sim/check/violation.js'
import { KNOWS_NOTHING, type Knowledge, Ledger, type WriteEntry } from '../sim/ledger.js'
import type { Completion, HistoryEvent, Invocation } from './history.js'

export interface JudgedCluster {
  readonly nodes: number
  /** Copies of a key. */
  readonly n: number
}

interface FinalRead {
  readonly node: string
  readonly etag: string
  readonly seen: readonly WriteEntry[]
}

/** A request under way, and the ledger step at which it began. */
interface Open {
  readonly asked: Invocation
  readonly begunAt: number
}

export class Judge {
  readonly ledger = new Ledger()
  readonly violations: Violations
  /** How much was looked at. */
  readonly judged = { acknowledged: 0, reads: 0, listings: 0, finalReads: 0 }
  readonly #cluster: JudgedCluster
  readonly #check: HistoryCheck
  readonly #open = new Map<number, Open>()
  readonly #contexts = new Map<number, Knowledge>()
  readonly #used = new Set<number>()
  readonly #finals = new Map<string, FinalRead[]>()
  #nowMs = 0

  constructor(cluster: JudgedCluster) {
    this.#cluster = cluster
    this.violations = new Violations(() => this.#nowMs)
    this.#check = new HistoryCheck(this.ledger, this.violations, cluster.n)
  }

  /** Replays a whole history and judges every answer of it, the final reads among them. */
  replay(events: readonly HistoryEvent[]): void {
    for (const event of events)
      if (event.type === 'invoke' && event.context !== undefined) this.#used.add(event.context)
    for (const event of events) {
      this.#nowMs = event.at
      if (event.type === 'invoke') this.#invoke(event)
      else if ('op' in event) this.#complete(event)
    }
    for (const [key, reads] of this.#finals) this.#compare(key, reads)
  }

  /** Nodes that stand in for owners exist: what a read must show at once is then known to nobody outside. */
  get #sloppy(): boolean {
    return this.#cluster.nodes > this.#cluster.n
  }

  #invoke(asked: Invocation): void {
    if (asked.f === 'put' || asked.f === 'delete') this.#begin(asked)
    this.#open.set(asked.op, { asked, begunAt: this.ledger.step() })
  }

  #begin(asked: Invocation): void {
    const { key, write, attempt, w = 0, valueBytes = 0 } = asked
    const known = this.ledger.find(write ?? 0)
    if (attempt !== 1 && known !== undefined) {
      // The same node may have another one coordinate it this time: nobody outside knows who remembers the operation.
      return this.ledger.again(known, true)
    }
    const kind = asked.f === 'put' ? 'put' : 'delete'
    const sweeping = kind === 'delete' && asked.context === undefined
    const knowledge = this.#contexts.get(asked.context ?? 0) ?? KNOWS_NOTHING
    const entry = this.ledger.begin(key, { kind, sweeping, w, valueBytes, sloppy: this.#sloppy }, knowledge)
    if (entry.id !== write) throw new Error(`the history calls write ${entry.id} ${write}`)
  }

  #complete(told: Completion): void {
    const open = this.#open.get(told.op)
    if (open === undefined) throw new Error(`request ${told.op} ended and never began`)
    this.#open.delete(told.op)
    const { asked } = open
    this.#tolerable(asked, told)
    if (asked.f === 'get') this.#read(open, told)
    else if (asked.f === 'list') this.#listed(asked, told)
    else this.#written(open, told)
  }

  /** Every request is well formed, so some answers are wrong whatever else happens. */
  #tolerable({ node, f, key, op }: Invocation, { code = '' }: Completion): void {
    if (code === 'INTERNAL')
      this.violations.add(
        'crash',
        `${node} answered ${f} ${key} (request ${op}) with INTERNAL, which is a bug`,
      )
    const kind = ERRORS[code as ErrorCode] as (typeof ERRORS)[ErrorCode] | undefined
    if (kind !== undefined && kind.status < 500 && code !== 'TOO_MANY_SIBLINGS' && code !== 'REQUEST_TIMEOUT')
      this.violations.add('A5', `${node} refused ${f} ${key} (request ${op}), which is sound, with ${code}`)
  }

  #written({ asked, begunAt }: Open, { type, op }: Completion): void {
    const entry = this.ledger.find(asked.write ?? 0)
    if (entry === undefined) return
    if (type !== 'ok') return this.ledger.end(entry, type === 'fail' ? 'refused' : 'unknown')
    if (entry.sweeping) coverSwept(this.ledger, entry, begunAt, this.#cluster.n)
    this.ledger.end(entry, 'acked')
    this.judged.acknowledged += 1
    if (this.#used.has(op)) this.#contexts.set(op, this.#afterWrite(entry, asked))
  }

  #afterWrite(entry: WriteEntry, { context }: Invocation): Knowledge {
    const given = this.#contexts.get(context ?? 0) ?? KNOWS_NOTHING
    const ledger = this.ledger.key(entry.key)
    const replaced = ledger.writes.filter((other) => ledger.isSuperseded(other)).map(({ id }) => id)
    return {
      covers: new Set([...given.covers, entry.id]),
      besides: new Set([...given.besides, ...replaced]),
    }
  }

  #read({ asked, begunAt }: Open, told: Completion): void {
    if (told.type !== 'ok') return
    const where = `the read by ${asked.client} at ${asked.node} (r=${asked.r}, request ${asked.op})`
    for (const what of told.foreign ?? [])
      this.violations.add('A12', `${where} of ${asked.key} shows what nobody wrote: ${what}`)
    const seen = this.#identified(asked, told.seen ?? [], where)
    this.judged.reads += 1
    this.#check.shown(asked.key, seen, { begunAt, r: asked.r ?? 1, strict: !this.#sloppy }, where)
    if (this.#used.has(told.op)) this.#contexts.set(told.op, this.#check.closure(asked.key, seen))
    if (asked.final === undefined) return
    const reads = this.#finals.get(asked.key) ?? []
    this.#finals.set(asked.key, reads)
    reads.push({ node: asked.node, etag: told.etag ?? '', seen })
  }

  #identified({ key }: Invocation, ids: readonly number[], where: string): WriteEntry[] {
    const seen = new Map<number, WriteEntry>()
    for (const id of ids) {
      const entry = this.ledger.find(id)
      if (entry === undefined || entry.key !== key) {
        this.violations.add('A12', `${where} of ${key} shows write ${id}, which is none of this key`)
        continue
      }
      if (entry.outcome === 'refused')
        this.violations.add('A12', `write ${id} of ${key} was refused, and yet it is in ${where}`)
      if (seen.has(id) && entry.attempts === 1)
        this.violations.add('A7', `${where} of ${key} shows write ${id} twice, which was sent once`)
      seen.set(id, entry)
    }
    return [...seen.values()]
  }

  /** A page holds keys in byte order, without repetition, and only such as somebody has written. */
  #listed(asked: Invocation, { type, keys = [] }: Completion): void {
    if (type !== 'ok') return
    this.judged.listings += 1
    const where = `the listing by ${asked.client} at ${asked.node} (request ${asked.op})`
    for (const [index, key] of keys.entries()) {
      const before = keys[index - 1]
      if (before !== undefined && Buffer.compare(Buffer.from(before), Buffer.from(key)) >= 0)
        this.violations.add('listing', `${where} has ${key} after ${before}`)
      if (!this.ledger.keys.get(key)?.writes.length)
        this.violations.add('listing', `${where} has ${key}, which nobody ever wrote`)
    }
    if (asked.final !== undefined) this.#listedInTheEnd(where, keys)
  }

  /** By then every key was read at every node. */
  #listedInTheEnd(where: string, keys: readonly string[]): void {
    const listed = new Set(keys)
    for (const [key, reads] of this.#finals) {
      const live = (reads[0]?.seen.length ?? 0) > 0
      if (live === listed.has(key)) continue
      this.violations.add(
        'listing',
        `${where} ${live ? 'lacks' : 'has'} ${key}, which is ${live ? '' : 'not '}live`,
      )
    }
  }

  /** Every node shows the same of a key, and what it shows is what must be left (A1, A2, A3, A4). */
  #compare(key: string, reads: readonly FinalRead[]): void {
    const [first] = reads
    if (first === undefined) return
    this.judged.finalReads += reads.length
    for (const other of reads) {
      if (sameRead(first, other)) continue
      const shown = [first, other].map(({ node, seen, etag }) => `${node} shows [${idsOf(seen)}] ${etag}`)
      this.violations.add('A4', `the nodes differ about ${key} in the end: ${shown.join(', ')}`)
    }
    for (const { seen } of reads) this.#check.left(key, seen)
  }
}

function idsOf(seen: readonly WriteEntry[]): string {
  return seen
    .map(({ id }) => id)
    .sort((left, right) => left - right)
    .join()
}

function sameRead(one: FinalRead, other: FinalRead): boolean {
  return one.etag === other.etag && idsOf(one.seen) === idsOf(other.seen)
}
