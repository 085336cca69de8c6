/**
 * One client: it gets, puts, deletes, updates and retries through any node, holds contexts (also old ones) and believes only what
 * it was told. All that it learns goes into the ledger.
 */
import { ERRORS } from '../../src/errors.js'
import type { Failure, Found, Written } from '../../src/node/requests.js'
import { Caller, type ClientWorld } from './caller.js'
import type { AskedRead } from './check/answer-check.js'
import { coverSwept } from './check/history-check.js'
import type { SimHost } from './host.js'
import { KNOWS_NOTHING, type Knowledge, operationOf, valueBytesOf, type WriteEntry } from './ledger.js'
import { type ReadObject, readClock, readObject } from './object-reader.js'
import type { Prng } from './prng.js'

/** A context as its client knows it: the bytes to send back, and the writes that they stand for. */
export interface HeldContext extends Knowledge {
  readonly bytes: Uint8Array
  readonly fastest: string
}

export class Client {
  readonly name: string
  readonly #parts: ClientWorld
  readonly #prng: Prng
  readonly #caller: Caller
  readonly #contexts = new Map<string, HeldContext[]>()
  readonly #home: SimHost
  readonly #mayWrite: () => boolean
  #stopped = false

  constructor(name: string, parts: ClientWorld, prng: Prng, mayWrite: () => boolean) {
    this.name = name
    this.#parts = parts
    this.#prng = prng
    this.#caller = new Caller(parts, prng.split('ways'))
    this.#home = prng.pick(parts.world.hosts)
    this.#mayWrite = mayWrite
  }

  start(): void {
    this.#think()
  }

  stop(): void {
    this.#stopped = true
  }

  #think(): void {
    const thinkMs = this.#prng.exponential(this.#parts.world.config.thinkMs)
    this.#parts.world.timeline.after(thinkMs, `${this.name} thinks`, () => {
      if (!this.#stopped) this.#act()
    })
  }

  #act(): void {
    const { config } = this.#parts.world
    const key = this.#key()
    const host = this.#host()
    if (host.state !== 'up') return this.#think()
    if (!this.#mayWrite() || this.#prng.chance(0.4)) this.#read(key, host)
    else if (this.#prng.chance(config.deletes)) this.#delete(key, host)
    else this.#put(key, host)
  }

  /** Key 0 is the hot one. */
  #key(): string {
    const { keys } = this.#parts.world.config
    return `k${this.#prng.chance(0.4) ? 0 : this.#prng.below(keys)}`
  }

  #host(): SimHost {
    const { hosts } = this.#parts.world
    const host = this.#prng.chance(0.6) ? this.#home : this.#prng.pick(hosts)
    return host.state === 'up' ? host : this.#prng.pick(hosts)
  }

  #read(key: string, host: SimHost): void {
    const { ledger, counters } = this.#parts
    const r = this.#quorum(true)
    const sloppy = this.#isSloppy()
    const begunAtMs = this.#parts.world.timeline.nowMs
    const mayBeOld = this.#parts.world.mayShowOld(r)
    const asked = { begunAt: ledger.step(), begunAtMs, r, strict: !sloppy && !mayBeOld }
    counters.count('reads')
    if (mayBeOld) counters.count('reads that may be shown what is old')
    const timeoutMs = this.#prng.pick([20, 300, 1_000, 5_000])
    this.#caller.get(
      host,
      key,
      { r, sloppy },
      {
        timeoutMs,
        answered: (outcome) => {
          if (outcome.status === 'error') counters.count(`read ${outcome.code}`)
          else this.#learned(key, host, outcome, asked)
          this.#think()
        },
        silence: () => this.#think(),
      },
    )
  }

  #learned(key: string, host: SimHost, found: Found, asked: AskedRead): void {
    const { ledger, check, counters, world } = this.#parts
    const object = found.object === undefined ? undefined : readObject(Uint8Array.from(found.object))
    const seen = check.read(key, object, asked, `the read by ${this.name} at ${host.name} (r=${asked.r})`)
    const ids = seen.map((entry) => entry.id)
    world.timeline.trace.detail(
      world.timeline.nowMs,
      () => `${this.name} read ${key} at ${host.name} r=${asked.r}: [${ids}]`,
    )
    if (seen.filter((entry) => entry.kind === 'put').length > 1) counters.count('siblings seen')
    if (object === undefined) return
    const knowledge = ledger.key(key).closure(ids, (id) => ledger.find(id))
    this.#hold(key, { ...knowledge, bytes: object.clockBytes, fastest: found.fastest })
  }

  #put(key: string, host: SimHost): void {
    const { ledger, world } = this.#parts
    const context = this.#context(key)
    const valueBytes = this.#valueBytes()
    const w = this.#quorum(false)
    const sloppy = this.#isSloppy()
    const fields = { kind: 'put', sweeping: false, w, valueBytes, sloppy } as const
    const entry = ledger.begin(key, fields, context ?? KNOWS_NOTHING)
    world.timeline.trace.detail(
      world.timeline.nowMs,
      () =>
        `${this.name} puts ${entry.id} on ${key} at ${host.name} w=${w}, having seen [${[...entry.covers]}]`,
    )
    this.#attempt(entry, host, context, 1, this.#prng.chance(0.5))
  }

  #delete(key: string, host: SimHost): void {
    const { ledger, counters, world } = this.#parts
    const context = this.#context(key)
    const sweeping = context === undefined
    // Sweeping deletes weaken what can be asked of their key, so they keep to one.
    if (sweeping && key !== 'k1') return this.#read(key, host)
    if (sweeping) counters.count('deletes without context')
    const w = this.#quorum(false)
    const fields = { kind: 'delete', sweeping, w, valueBytes: 0, sloppy: this.#isSloppy() } as const
    const entry = ledger.begin(key, fields, context ?? KNOWS_NOTHING)
    world.timeline.trace.detail(
      world.timeline.nowMs,
      () =>
        `${this.name} deletes ${key} (${entry.id}) at ${host.name} w=${w}, having seen [${[...entry.covers]}]`,
    )
    this.#attempt(entry, host, context, 1, true)
  }

  #attempt(
    entry: WriteEntry,
    host: SimHost,
    context: HeldContext | undefined,
    attempt: number,
    withOperation: boolean,
  ): void {
    const { world, counters, ledger } = this.#parts
    counters.count(entry.kind === 'put' ? 'puts' : 'deletes')
    const begunAtMs = world.timeline.nowMs
    const ledgerStep = ledger.step()
    const tombstone = entry.kind === 'delete'
    const fields = {
      key: entry.key,
      tombstone,
      context: context?.bytes,
      value: tombstone ? new Uint8Array(0) : valueBytesOf(entry.id, attempt, entry.valueBytes),
      attributes: new Uint8Array(0),
      operation: withOperation ? operationOf(entry.id) : undefined,
      w: entry.w,
      sloppy: entry.sloppy,
      preferred: context?.fastest ?? '',
      returnObject: this.#prng.chance(0.3),
    }
    const { ups } = host
    const then = (outcome: Written | Failure | undefined): void => {
      this.#settle(entry, outcome, begunAtMs, ledgerStep, context)
      this.#afterAttempt(entry, { host, ups }, context, attempt, withOperation, outcome)
    }
    const timeoutMs = this.#prng.pick([20, 200, 1_000, 5_000])
    this.#caller.write(host, fields, { timeoutMs, answered: then, silence: () => then(undefined) })
  }

  /** At the instant of the answer: what it says goes into the ledger, and an acknowledgement is held against the disks. */
  #settle(
    entry: WriteEntry,
    outcome: Written | Failure | undefined,
    begunAtMs: number,
    begunAt: number,
    context: HeldContext | undefined,
  ): void {
    const { ledger, check, counters, world } = this.#parts
    const told =
      outcome === undefined
        ? 'no answer'
        : outcome.status === 'ok'
          ? 'acknowledged'
          : `${outcome.code} ${outcome.message ?? ''}`
    world.timeline.trace.detail(
      world.timeline.nowMs,
      () => `${entry.kind} ${entry.id} of ${entry.key}: ${told}`,
    )
    if (outcome?.status === 'ok') {
      if (entry.sweeping) coverSwept(ledger, entry, begunAt, world.n)
      ledger.end(entry, 'acked')
      counters.count('acknowledged')
      check.acknowledged(entry, begunAtMs)
      if (!entry.strict) counters.count('acknowledged with nodes standing in')
      this.#keepContext(entry, outcome, context)
    } else {
      const refused = outcome !== undefined && !ERRORS[outcome.code].mayBeWritten
      if (outcome !== undefined) counters.count(`write ${outcome.code}`)
      ledger.end(entry, refused ? 'refused' : 'unknown')
      if (entry.outcome === 'refused') check.refused(entry)
    }
  }

  #keepContext(entry: WriteEntry, written: Written, given: HeldContext | undefined): void {
    const { check, book, ledger } = this.#parts
    const bytes = Uint8Array.from(written.context)
    const clock = readClock(bytes)
    const { timeline } = this.#parts.world
    timeline.trace.detail(
      timeline.nowMs,
      () => `its context is [${clock}], its dots ${[...book.dotsOf(entry.id)].join(' ')}`,
    )
    const covered = ledger
      .key(entry.key)
      .writes.filter((other) => [...book.dotsOf(other.id)].some((dot) => clock.has(dot)))
    check.writtenContext(entry, covered)
    if (written.object !== undefined) this.#returned(entry, readObject(Uint8Array.from(written.object)))
    if (bytes.length === 0) return
    const covers = new Set(given?.covers ?? [])
    covers.add(entry.id)
    const replaced = covered.map((other) => other.id).filter((id) => !covers.has(id))
    const besides = new Set([...(given?.besides ?? []), ...replaced])
    this.#hold(entry.key, { bytes, covers, besides, fastest: written.fastest })
  }

  #returned(entry: WriteEntry, object: ReadObject): void {
    this.#parts.book.saw(entry.key, object, `the answer to ${entry.kind} ${entry.id}`)
  }

  #afterAttempt(
    entry: WriteEntry,
    { host, ups }: { readonly host: SimHost; readonly ups: number },
    context: HeldContext | undefined,
    attempt: number,
    withOperation: boolean,
    outcome: Written | Failure | undefined,
  ): void {
    const { world, ledger, counters } = this.#parts
    const ended = outcome?.status === 'ok' ? 0.1 : 1
    const again =
      withOperation &&
      attempt < 4 &&
      !this.#stopped &&
      !entry.sweeping &&
      this.#prng.chance(world.config.retries * ended)
    const next = this.#prng.chance(0.5) ? host : this.#host()
    if (!again || next.state !== 'up') return this.#think()
    counters.count('retries')
    world.timeline.trace.detail(
      world.timeline.nowMs,
      () => `${this.name} will retry ${entry.id} at ${next.name}`,
    )
    const { faults, copies } = world.config
    // An owner that cannot store passes a write on: then another one coordinates it that may not know of the first attempt.
    const passesOn = faults.has('io-error') || faults.has('full-disk') || faults.has('slow-disk')
    const forgets =
      next !== host ||
      world.everMembers > world.n ||
      next === world.frailHost ||
      passesOn ||
      copies.length > 0
    // One that was killed before it had written the first attempt may have passed it on and not know of it any more.
    const isAnew = (): boolean => host.ups !== ups
    ledger.again(entry, forgets || isAnew())
    world.timeline.after(this.#prng.exponential(world.config.thinkMs), `${this.name} retries`, () => {
      ledger.mayBeForgotten(entry, isAnew())
      this.#attempt(entry, next, context, attempt + 1, withOperation)
    })
  }

  #context(key: string): HeldContext | undefined {
    const held = this.#contexts.get(key)
    if (held === undefined || this.#prng.chance(this.#parts.world.config.blindness)) return undefined
    return this.#prng.chance(0.75) ? held[held.length - 1] : this.#prng.pick(held)
  }

  #hold(key: string, context: HeldContext): void {
    const held = this.#contexts.get(key) ?? []
    held.push(context)
    if (held.length > 4) held.shift()
    this.#contexts.set(key, held)
  }

  #quorum(read: boolean): number {
    const { config, n } = this.#parts.world
    const quorum = Math.floor(n / 2) + 1
    if (!this.#prng.chance(config.oddQuorums)) return quorum
    const drawn = read || config.weakWrites ? this.#prng.whole(1, n) : this.#prng.whole(quorum, n)
    return this.#parts.world.several.drawn(drawn)
  }

  #isSloppy(): boolean {
    return this.#prng.chance(this.#parts.world.config.sloppiness)
  }

  #valueBytes(): number {
    const { largeValues } = this.#parts.world.config
    if (largeValues && this.#prng.chance(0.15)) return this.#prng.whole(30_000, 90_000)
    return this.#prng.chance(0.1) ? this.#prng.whole(200, 3_000) : this.#prng.whole(8, 60)
  }
}

function _bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
