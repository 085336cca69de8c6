import { applyWrite, applyWriteBound, makeRowKey } from '../../src/kernel/index.js'
import type { ReopenReport, RowRead, StorageFault, WriteOperation } from '../../src/node/guard/index.js'
import {
  type GuardOptions,
  type OpenFailure,
  type OpenReport,
  StorageGuard,
} from '../../src/node/guard/index.js'
import type { ScanRange, ScanResult } from '../../src/ports/engine.js'
import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type EngineErrorKind,
} from '../../src/ports/engine.js'
import type { SideFile } from '../../src/ports/side-file.js'
import type { Space } from '../../src/ports/space.js'

/**
 * A storage guard over ports that do exactly what a test says, in virtual time. Nothing runs by itself: `run` lets everything come
 * that is due now, `advance` lets time pass. What a disk would keep is in `Disk` and outlives the guards over it.
 */
const NOTHING = new Uint8Array(0)

export class Timeline {
  nowMs = 0
  #due: (() => void)[] = []
  #timers: { atMs: number; run: () => void }[] = []

  readonly clock = { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs }
  readonly scheduler = {
    afterTurn: (run: () => void) => void this.#due.push(run),
    after: (delayMs: number, run: () => void) => {
      const timer = { atMs: this.nowMs + delayMs, run }
      this.#timers.push(timer)
      return () => {
        this.#timers = this.#timers.filter((each) => each !== timer)
      }
    },
  }

  soon(run: () => void): void {
    this.#due.push(run)
  }

  /** Lets everything come that needs no time. */
  run(): void {
    for (let next = this.#due.shift(); next !== undefined; next = this.#due.shift()) next()
  }

  /** Lets only so many of them come. */
  steps(count: number): void {
    for (let i = 0; i < count; i++) this.#due.shift()?.()
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      this.run()
      const next = this.#timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((each) => each !== next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = untilMs
  }
}

/** What stays when a node stops. */
export class Disk {
  readonly rows = new Map<string, Uint8Array>()
  slots: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined]
  /** The log has a hole; the next opening removes the evidence. */
  hole = false
  freeBytes = 1 << 30
  reserve = false
}

/** What a failing batch leaves in the database. */
export interface BatchFailure {
  readonly kind: EngineErrorKind
  readonly keeps: 'nothing' | 'all' | 'half'
}

/** An engine that does as told and ends the test when it is called while closed, as RocksDB ends the process. */
export class ScriptedEngine implements Engine {
  readonly name = 'scripted'
  /** Every call, in order: `open`, `close`, `batch 3 sync`, `getMany 2`, `scan`. */
  readonly calls: string[] = []
  readonly failBatches: BatchFailure[] = []
  readonly failOpens: EngineErrorKind[] = []
  readonly failScans: EngineErrorKind[] = []
  /** Keys (latin1) on which getMany fails as a whole. */
  readonly brokenKeys = new Set<string>()
  /** While true, completions of batches wait for `release`. */
  holdBatches = false
  /** The same for getMany: what it found is from when it was asked. */
  holdReads = false
  /** Batches are visible as soon as they are asked for, before they are durable. */
  eager = false
  mostBatchesUnderWay = 0
  openReadOnly?: (done: Completion<void>) => void
  readonly #timeline: Timeline
  readonly #disk: Disk
  #mode: 'closed' | 'writing' | 'reading' = 'closed'
  #underWay = 0
  #held: (() => void)[] = []
  #heldReads: (() => void)[] = []

  constructor(timeline: Timeline, disk: Disk) {
    this.#timeline = timeline
    this.#disk = disk
  }

  get isOpen(): boolean {
    return this.#mode !== 'closed'
  }

  /** As RocksDB can. */
  canOpenReadOnly(): void {
    this.openReadOnly = (done) => {
      this.calls.push('openReadOnly')
      this.#mode = 'reading'
      this.#timeline.soon(() => done(undefined))
    }
  }

  examine(done: Completion<boolean>): void {
    if (this.#mode !== 'closed') throw new Error('examined while open')
    const { hole } = this.#disk
    this.#timeline.soon(() => done(undefined, hole))
  }

  open(done: Completion<void>): void {
    this.calls.push('open')
    this.#disk.hole = false
    if (this.#mode !== 'closed') throw new Error('opened twice')
    const kind = this.failOpens.shift()
    if (kind === undefined) this.#mode = 'writing'
    this.#timeline.soon(() => done(kind && new EngineError(kind, `open: ${kind}`)))
  }

  close(done: Completion<void>): void {
    this.#use('close')
    if (this.#underWay > 0) throw new Error('closed while a batch was under way')
    this.#mode = 'closed'
    this.#timeline.soon(() => done(undefined))
  }

  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void {
    this.#use(`getMany ${keys.length}`)
    const names = keys.map(textOf)
    const broken = names.some((name) => this.brokenKeys.has(name))
    const rows = names.map((name) => copyOf(this.#disk.rows.get(name)))
    const finish = () => (broken ? done(new EngineError('corrupt', 'block'), []) : done(undefined, rows))
    if (this.holdReads) this.#heldReads.push(finish)
    else this.#timeline.soon(finish)
  }

  batch(operations: readonly BatchOperation[], sync: boolean, done: Completion<void>): void {
    this.#use(`batch ${operations.length}${sync ? ' sync' : ''}`)
    if (this.#mode === 'reading') throw new Error('written while open for reading')
    this.mostBatchesUnderWay = Math.max(this.mostBatchesUnderWay, ++this.#underWay)
    const copies = operations.map((operation) => ({ ...operation, text: textOf(operation.key) }))
    const values = operations.map((operation) =>
      operation.type === 'put' ? copyOf(operation.value) : undefined,
    )
    const apply = (count: number) => {
      for (let i = 0; i < count; i++) this.#apply(copies[i]!.text, values[i])
    }
    if (this.eager) apply(copies.length)
    const finish = () => {
      const failure = this.failBatches.shift()
      this.#underWay--
      if (failure === undefined || failure.keeps === 'all') apply(copies.length)
      else if (failure.keeps === 'half') apply(Math.ceil(copies.length / 2))
      done(failure && new EngineError(failure.kind, `batch: ${failure.kind}`))
    }
    if (this.holdBatches) this.#held.push(finish)
    else this.#timeline.soon(finish)
  }

  scan(range: ScanRange, done: Completion<ScanResult>): void {
    this.#use('scan')
    const kind = this.failScans.shift()
    const [from, to] = [textOf(range.from), range.to && textOf(range.to)]
    const names = [...this.#disk.rows.keys()]
      .filter((name) => name >= from && (to === undefined || name < to))
      .sort()
    const rows = names
      .slice(0, range.maxRows)
      .map((name) => ({ key: bytesOf(name), value: this.#disk.rows.get(name)! }))
    const result = { rows, done: rows.length === names.length }
    this.#timeline.soon(() => done(kind && new EngineError(kind, `scan: ${kind}`), result))
  }

  /** Lets the batches end that were held back. */
  release(): void {
    const held = this.#held
    this.#held = []
    for (const finish of held) this.#timeline.soon(finish)
  }

  releaseReads(): void {
    const held = this.#heldReads
    this.#heldReads = []
    for (const finish of held) this.#timeline.soon(finish)
  }

  #use(call: string): void {
    this.calls.push(call)
    if (this.#mode === 'closed') throw new Error(`${call} on a closed engine: the real one ends the process`)
  }

  #apply(name: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.#disk.rows.delete(name)
    else this.#disk.rows.set(name, value)
  }
}

/** Each world has random numbers of its own. */
let worlds = 0

/** One guard over a disk, with everything it told. */
export class World {
  readonly timeline = new Timeline()
  readonly disk: Disk
  readonly engine: ScriptedEngine
  readonly guard: StorageGuard
  /** Events of listener and log, in order. */
  readonly events: string[] = []
  readonly reopens: ReopenReport[] = []
  readonly failSlotWrites: EngineErrorKind[] = []
  /** How long the side file takes. */
  slotWriteMs = 0
  #seed: number

  constructor(disk = new Disk(), options: Partial<GuardOptions> = {}) {
    this.disk = disk
    this.engine = new ScriptedEngine(this.timeline, disk)
    this.#seed = ++worlds
    const { clock, scheduler } = this.timeline
    const ports = {
      engine: this.engine,
      sideFile: this.#sideFile(),
      space: this.#space(),
      clock,
      scheduler,
      random: this.#random(),
      log: this.#log(),
    }
    const all = {
      durability: 'fsync',
      freeSpaceFloorBytes: 1 << 20,
      cacheBytes: 1 << 20,
      ...options,
    } as const
    this.guard = new StorageGuard(ports, all, {
      fenced: () => this.events.push('fenced'),
      reopened: (report) => {
        this.events.push('reopened')
        this.reopens.push(report)
      },
    })
  }

  /** Opens and gives the report; throws where it fails. */
  open(): OpenReport {
    const [failure, report] = this.tryOpen()
    if (report === undefined) throw failure
    return report
  }

  tryOpen(): [OpenFailure | undefined, OpenReport | undefined] {
    const answers: [OpenFailure | undefined, OpenReport | undefined][] = []
    this.guard.open((failure, report) => answers.push([failure, report]))
    this.timeline.run()
    if (answers.length !== 1) throw new Error(`open answered ${answers.length} times`)
    return answers[0]!
  }

  close(): void {
    let closed = false
    this.guard.close(() => {
      closed = true
    })
    this.timeline.run()
    if (!closed) throw new Error('did not close')
  }

  /** The key's row as this guard's node would write it first. */
  row(value: string): Uint8Array {
    return makeRow(this.guard.incarnation, value)
  }

  /** Asks for a write; the answer is in the result once it has come. */
  write(...operations: WriteOperation[]): Answer<StorageFault | undefined> {
    const answer = new Answer<StorageFault | undefined>()
    this.guard.write(operations, answer.take)
    answer.asked()
    return answer
  }

  /** Writes a first row under this key name. */
  put(key: string, value: string): Answer<StorageFault | undefined> {
    return this.write({ type: 'row', rowKey: rowKeyOf(key), row: this.row(value), isNew: true })
  }

  read(...keys: string[]): Answer<readonly RowRead[]> {
    const answer = new Answer<readonly RowRead[]>()
    this.guard.read(keys.map(rowKeyOf), answer.take)
    answer.asked()
    return answer
  }

  /** What a read of one key gives, now. */
  readNow(key: string): RowRead {
    const answer = this.read(key)
    this.timeline.run()
    return answer.value[0]
  }

  #sideFile(): SideFile {
    return {
      read: (done) => this.timeline.soon(() => done(undefined, this.disk.slots)),
      write: (slot, bytes, done) => {
        const kind = this.failSlotWrites.shift()
        this.events.push(`slot ${slot}`)
        const finish = () => {
          if (kind === undefined) this.disk.slots[slot] = Uint8Array.from(bytes)
          done(kind && new EngineError(kind, `slot: ${kind}`))
        }
        if (this.slotWriteMs === 0) this.timeline.soon(finish)
        else this.timeline.scheduler.after(this.slotWriteMs, finish)
      },
    }
  }

  #space(): Space {
    const hold = (held: boolean) => (done: Completion<void>) => {
      this.disk.reserve = held
      this.timeline.soon(() => done(undefined))
    }
    return {
      measure: (done) => this.timeline.soon(() => done(undefined, this.disk.freeBytes)),
      holdReserve: hold(true),
      releaseReserve: hold(false),
    }
  }

  #random() {
    const next = () => {
      this.#seed = (Math.imul(this.#seed, 1103515245) + 12345) >>> 0
      return this.#seed >>> 8
    }
    return {
      below: (bound: number) => next() % bound,
      bytes: (length: number) => Uint8Array.from({ length }, () => next() & 0xff),
    }
  }

  #log() {
    const note = (event: string) => void this.events.push(`log ${event}`)
    return { debug: note, info: note, warn: note, error: note }
  }
}

/** What a completion brought; throws if it came within the call, twice, or has not come when it is asked for. */
export class Answer<T> {
  #values: T[] = []
  #asked = false

  readonly take = (value: T): void => {
    if (!this.#asked) throw new Error('completed within the call')
    this.#values.push(value)
    if (this.#values.length > 1) throw new Error('completed twice')
  }

  asked(): void {
    this.#asked = true
  }

  get came(): boolean {
    return this.#values.length === 1
  }

  get value(): T {
    if (!this.came) throw new Error('has not completed')
    return this.#values[0] as T
  }
}

export function rowKeyOf(key: string): Uint8Array {
  return makeRowKey(Buffer.from('bucket'), Buffer.from(key))
}

/** The name of a row in the disk's map. */
export function nameOf(key: string): string {
  return `d${Buffer.from(rowKeyOf(key)).toString('latin1')}`
}

export function makeRow(incarnation: string, value: string): Uint8Array {
  const write = {
    tombstone: false,
    incomplete: false,
    wallMs: 1,
    operation: NOTHING,
    operationIsClients: false,
    attributes: NOTHING,
    value: Buffer.from(value),
  }
  const actor = Buffer.concat([Buffer.from(incarnation, 'hex'), Buffer.alloc(6)])
  const out = Buffer.alloc(applyWriteBound(NOTHING, NOTHING, write))
  const length = applyWrite(NOTHING, actor, NOTHING, write, { maxSiblings: 8, maxBytes: 1 << 20 }, out)
  if (length <= 0) throw new Error(`applyWrite: ${length}`)
  return out.subarray(0, length)
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

function copyOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Uint8Array.from(bytes)
}
