/**
 * One seed, from the first node's start to the last check.
 *
 *   form      the nodes start and find each other
 *   safety    clients write and read while everything goes wrong
 *   liveness  all faults end; every node must come back, and every key take a write at the quorum, within a deadline
 *   quiesce   nobody reads, and the owners of every key come to agree (where trees are compared; else by reads at r=all)
 *   judge     what is left is held against the ledger
 */

import { Archivist } from './archivist.js'
import type { ClientWorld } from './caller.js'
import { AnswerCheck } from './check/answer-check.js'
import { BoundsCheck } from './check/bounds-check.js'
import { ReapHistoryCheck } from './check/reap-history-check.js'
import { RowBook, rowNameOf } from './check/row-book.js'
import { type Violation, Violations, WITHOUT_BUDGET } from './check/violation.js'
import { Client } from './client.js'
import { Copier } from './copier.js'
import { Counters } from './counters.js'
import { Crowd } from './crowd.js'
import { Ending } from './ending.js'
import { readFallback, rowKeyOfFallback } from './fallback-reader.js'
import type { NodeMaker, SimHost } from './host.js'
import { Ledger } from './ledger.js'
import { Mover } from './mover.js'
import { Nemesis } from './nemesis.js'
import { Operator } from './operator.js'
import { Prng } from './prng.js'
import { Reshaper } from './reshaper.js'
import { Splitter } from './splitter.js'
import { type Config, DISASTERS } from './swarm.js'
import { Timeline } from './timeline.js'
import { Trace } from './trace.js'
import { Undertaker } from './undertaker.js'
import { World } from './world.js'

export interface Verdict {
  readonly config: Config
  readonly violations: readonly Violation[]
  readonly traceHash: string
  readonly counts: ReadonlyMap<string, number>
  readonly events: number
  readonly virtualMs: number
  readonly writes: number
  readonly story: readonly string[]
}

/** A seed that runs on beyond this is stuck in a storm of its own making. */
const MOST_EVENTS = 1_500_000
const FORM_MS = 120_000
const ROUGH_MS = 8_000
const SAFETY_MS = 120_000
/** After the last write, faults go on for a while. */
const AFTERMATH_MS = 2_000

export class Simulation {
  readonly #config: Config
  readonly #timeline: Timeline
  readonly #violations: Violations
  readonly #counters = new Counters()
  readonly #ledger = new Ledger()
  readonly #world: World
  readonly #parts: ClientWorld
  readonly #bounds: BoundsCheck
  readonly #archivist: Archivist
  readonly #prng: Prng

  constructor(config: Config, make: NodeMaker, keepStory = false) {
    this.#config = config
    this.#prng = new Prng(`seed ${config.seed}`)
    this.#timeline = new Timeline(this.#prng.split('timeline'), new Trace(keepStory))
    const asked = config.unbudgeted ? WITHOUT_BUDGET : undefined
    this.#violations = new Violations(() => this.#timeline.nowMs, asked)
    const book = new RowBook(this.#ledger, this.#violations)
    const world = this.#prng.split('world')
    this.#world = new World(config, this.#timeline, world, make, book, this.#violations, this.#counters)
    const isBuffered = config.durability === 'buffered'
    const copies = isBuffered ? { durableCopies: config.nodes > 1 ? 1 : 0 } : {}
    const replicas = {
      durableRows: (key: string) => this.#durableRows(key),
      promised: (w: number) => this.#world.several.promised(w),
      rowsFor: (w: number) => this.#world.rowsFor(w),
      ...copies,
    }
    if (isBuffered) this.#world.onMemoryLost = (host) => this.#ledger.memoryLost(host.name)
    const check = new AnswerCheck(this.#ledger, book, this.#violations, replicas, this.#world.n)
    const histories = new ReapHistoryCheck(this.#world, book, this.#violations)
    const archivist = this.#prng.split('archivist')
    this.#archivist = new Archivist(this.#world, archivist, this.#counters, histories)
    this.#bounds = new BoundsCheck(this.#world, book, this.#violations)
    this.#parts = {
      world: this.#world,
      ledger: this.#ledger,
      book,
      check,
      violations: this.#violations,
      counters: this.#counters,
    }
  }

  run(): Verdict {
    this.#timeline.trace.act(0, describe(this.#config))
    if (this.#form() && this.#safety())
      new Ending(this.#parts, this.#prng.split('ending'), this.#archivist, (untilMs, done) =>
        this.#runUntil(untilMs, done),
      ).run()
    if (!this.#violations.any) this.#bounds.atRest()
    return this.#verdict()
  }

  #form(): boolean {
    const prng = this.#prng.split('form')
    this.#world.hosts.forEach((host, index) => {
      this.#world.startLater(host, index === 0 ? 0 : prng.between(1, 200 * index))
    })
    if (this.#config.roughStart) this.#roughStart(prng)
    if (this.#runUntil(this.#timeline.nowMs + FORM_MS, () => this.#world.isWhole())) {
      this.#world.formed()
      this.#timeline.trace.act(this.#timeline.nowMs, `the cluster of ${this.#config.nodes} has formed`)
      return true
    }
    if (!this.#violations.any)
      this.#violations.add('A4', `the cluster did not form: ${this.#world.complaint()}`)
    return false
  }

  /** Nobody has written anything yet, so no disk can lose anything that counts; but a node may be let in, or not, half way. */
  #roughStart(prng: Prng): void {
    const nemesis = new Nemesis(this.#world, prng.split('nemesis'), this.#counters, DISASTERS)
    nemesis.start()
    this.#runUntil(ROUGH_MS)
    nemesis.stop()
    this.#world.heal(prng)
  }

  #safety(): boolean {
    const prng = this.#prng.split('workload')
    const mayWrite = (): boolean => this.#ledger.size < this.#config.writes
    const clients: Client[] = []
    for (let number = 1; number <= this.#config.clients; number += 1) {
      clients.push(new Client(`c${number}`, this.#parts, prng.split(`client ${number}`), mayWrite))
    }
    const crowd = new Crowd(this.#parts, prng.split('crowd'))
    const nemesis = new Nemesis(this.#world, this.#prng.split('nemesis'), this.#counters, [], crowd)
    const operator = new Operator(this.#world, this.#prng.split('operator'), this.#counters)
    const undertaker = new Undertaker(this.#world, this.#prng.split('undertaker'), this.#counters)
    const reshaper = new Reshaper(this.#world, this.#prng.split('reshaper'), this.#counters)
    const splitter = new Splitter(this.#world, this.#prng.split('splitter'), this.#counters)
    const copier = new Copier(this.#world, this.#prng.split('copier'), this.#counters)
    for (const client of clients) client.start()
    const mover = new Mover(this.#world, this.#prng.split('mover'), this.#counters)
    const others = [nemesis, operator, undertaker, reshaper, splitter, copier, mover, this.#archivist]
    for (const other of others) other.start()
    this.#runUntil(this.#timeline.nowMs + SAFETY_MS, () => !mayWrite())
    this.#runUntil(this.#timeline.nowMs + AFTERMATH_MS)
    for (const other of others) other.stop()
    for (const client of clients) client.stop()
    return !this.#violations.any
  }

  /** Runs until the condition holds (true), virtual time is up, or something was found wrong. */
  #runUntil(untilMs: number, done: () => boolean = () => false): boolean {
    let held = false
    let looked = -1
    this.#timeline.runUntil(untilMs, () => {
      this.#bounds.afterEvent()
      if (this.#timeline.ran > MOST_EVENTS && !this.#violations.any)
        this.#violations.add('A11', `more than ${MOST_EVENTS} events: the cluster talks to itself`)
      if (this.#violations.any) return true
      // The condition may be costly; a look every few events will do.
      if (held || this.#timeline.ran - looked < 8) return held
      looked = this.#timeline.ran
      held = done()
      return held
    })
    return held || (!this.#violations.any && done())
  }

  #durableRows(key: string): DurableRow[] {
    return this.#world.machines.map((host) => this.#durableRow(host, key))
  }

  #durableRow(host: SimHost, key: string): DurableRow {
    const found: DurableRow = {
      node: host.name,
      row: undefined,
      kept: undefined,
      lostSomethingAt: host.lostSomethingAtMs,
    }
    for (const name of host.disk.keys()) {
      if (!name.endsWith(key)) continue
      if (rowNameOf(name)?.key === key) found.row = this.#world.durable(host, name)
      else if (isKeptOf(name, key)) found.kept = keptRow(this.#world.durable(host, name))
    }
    return found
  }

  #verdict(): Verdict {
    const { trace, ran, nowMs } = this.#timeline
    this.#world.measure()
    this.#counters.count('unacknowledged writes shown once and not again', this.#parts.check.wentBack)
    const { asked, values } = this.#archivist.histories
    if (values > 0) this.#counters.count('values of backups let go of', values)
    if (asked > 0) this.#counters.count('histories held against what went', asked)
    this.#counters.count('virtual seconds', Math.round(nowMs / 1000))
    for (const violation of this.#violations.found)
      trace.act(violation.timeMs, `${violation.invariant}: ${violation.sentence}`)
    return {
      config: this.#config,
      violations: this.#violations.found,
      traceHash: trace.hash,
      counts: this.#counters.counts,
      events: ran,
      virtualMs: nowMs,
      writes: this.#ledger.size,
      story: trace.story(),
    }
  }
}

interface DurableRow {
  readonly node: string
  row: Uint8Array | undefined
  kept: Uint8Array | undefined
  readonly lostSomethingAt: number
}

function isKeptOf(engineKey: string, key: string): boolean {
  const rowKey = rowKeyOfFallback(engineKey)
  return rowKey !== undefined && rowNameOf(`d${rowKey}`)?.key === key
}

function keptRow(record: Uint8Array | undefined): Uint8Array | undefined {
  const row = record === undefined ? undefined : readFallback(record).row
  return row === undefined || row.length === 0 ? undefined : row
}

function describe(config: Config): string {
  const {
    nodes,
    changes,
    death,
    mistaken,
    islands,
    reshapes,
    splits,
    splitApart,
    n,
    copies,
    backups,
    partitions,
    durability,
    clients,
    keys,
    writes,
  } = config
  const mode = config.unbudgeted ? ' (disasters on every disk: only A6, A7, A11, A12 are asked for)' : ''
  const faults = [...config.faults].join(', ') || 'none'
  const trees = config.exchangeEveryMs === 0 ? 'no exchanges' : `exchanges every ${config.exchangeEveryMs} ms`
  const moves = changes === 0 ? '' : `, ${changes} join or leave`
  const fate = mistaken ? ', one is taken for dead' : ', one dies for ever'
  const further = `${death ? fate : ''}${islands ? ', all move and come up as two islands' : ''}${reshapes === 0 ? '' : `, ${reshapes} get other weights or zones`}`
  const several = copies.length === 0 ? '' : `, then ${copies.join(', then ')}`
  const q = `Q=${partitions}${splits === 0 ? '' : `, split ${splits === 1 ? 'once' : 'twice'}`}${splitApart ? ', split apart' : ''}`
  const taken = backups === 0 ? '' : `, ${backups} backups`
  return `${nodes} nodes${moves}${further}, N=${n}${several}, ${q}, ${durability}, ${trees}${taken}; ${clients} clients, ${writes} writes on ${keys} keys; faults: ${faults}${mode}`
}
