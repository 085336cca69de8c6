import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type EngineErrorKind,
  type Mended,
  type ScanRange,
  type ScanResult,
} from '../../src/ports/engine.js'

/** Virtual time, a disk, and an engine over it that does exactly what a test says. Nothing runs by itself. */

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
  /** The rows as of the last batches that ended. */
  readonly durable = new Map<string, Uint8Array>()
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
  /** A close never comes to its end. */
  neverCloses = false
  /** Batches are visible as soon as they are asked for, before they are durable. */
  eager = false
  mostBatchesUnderWay = 0
  openReadOnly?: (done: Completion<void>) => void
  mend?: (done: Completion<Mended>) => void
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

  /** As RocksDB can; with a kind of error it fails. */
  canMend(kind?: EngineErrorKind): void {
    this.mend = (done) => {
      this.calls.push('mend')
      if (this.#mode !== 'closed') throw new Error('mended while open')
      const mended = { tables: ['7'], rowsKept: 3, rowsSetAside: 1, aside: 'beside' }
      this.#timeline.soon(() => done(kind && new EngineError(kind, `mend: ${kind}`), mended))
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
    if (!this.neverCloses) this.#timeline.soon(() => done(undefined))
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
    const before = copies.map(({ text }) => this.#disk.rows.get(text))
    const apply = (count: number, rows: Map<string, Uint8Array>) => {
      for (let i = 0; i < count; i++) put(rows, copies[i]!.text, values[i])
    }
    if (this.eager) apply(copies.length, this.#disk.rows)
    const finish = () => {
      const failure = this.failBatches.shift()
      this.#underWay--
      if (this.eager && failure !== undefined)
        copies.forEach(({ text }, i) => void put(this.#disk.rows, text, before[i]))
      const kept =
        failure === undefined || failure.keeps === 'all' ? copies.length : Math.ceil(copies.length / 2)
      if (failure?.keeps !== 'nothing') {
        apply(kept, this.#disk.rows)
        apply(kept, this.#disk.durable)
      }
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
}

function put(rows: Map<string, Uint8Array>, name: string, value: Uint8Array | undefined): void {
  if (value === undefined) rows.delete(name)
  else rows.set(name, value)
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
