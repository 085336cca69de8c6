import { applyWrite, applyWriteBound, makeRowKey } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import type {
  IndexPage,
  ReopenReport,
  RowRange,
  RowRead,
  ScanPage,
  StorageFault,
  WriteOperation,
} from '../../src/node/guard/index.js'
import {
  type GuardOptions,
  type OpenFailure,
  type OpenReport,
  StorageGuard,
} from '../../src/node/guard/index.js'
import { type Completion, EngineError, type EngineErrorKind } from '../../src/ports/engine.js'
import type { SideFile } from '../../src/ports/side-file.js'
import type { Space } from '../../src/ports/space.js'
import { type BatchFailure, bytesOf, Disk, ScriptedEngine, Timeline, textOf } from './scripted-engine.js'

/**
 * A storage guard over ports that do exactly what a test says, in virtual time. Nothing runs by itself: `run` lets everything come
 * that is due now, `advance` lets time pass. What a disk would keep is in `Disk` and outlives the guards over it.
 */
const NOTHING = new Uint8Array(0)

export const ALL_ROWS: RowRange = { from: NOTHING, maxRows: 1000, maxBytes: 1 << 20 }

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
  /** Rows that were found unreadable, in the order in which they were. */
  readonly unreadable: Uint8Array[] = []
  readonly failSlotWrites: EngineErrorKind[] = []
  /** How long the side file takes. */
  slotWriteMs = 0
  /** The slot that is being written now. */
  slotInFlight: 0 | 1 | undefined
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
      stuck: (reason) => this.events.push(`stuck: ${reason}`),
      unreadable: (rowKey) => this.unreadable.push(rowKey),
    })
  }

  /** One with one row, `old`, written and acknowledged. */
  static opened(): World {
    const world = new World()
    world.open()
    world.put('old', 'acknowledged')
    world.timeline.run()
    world.timeline.advance(limits.storageReserveAfter * limits.storageMeasureMs)
    world.engine.calls.length = 0
    world.events.length = 0
    return world
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

  /** Writes a row, and the engine fails at it. */
  failToPut(failure: BatchFailure, key = 'k'): Answer<StorageFault | undefined> {
    this.engine.failBatches.push(failure)
    const write = this.put(key, 'doubtful')
    this.timeline.run()
    return write
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

  /** A page of rows; asked now, and looked at when it has come. */
  scan(range: RowRange = ALL_ROWS): () => ScanPage {
    const answer = new Answer<ScanPage>()
    this.guard.scan(range, answer.take)
    answer.asked()
    this.timeline.run()
    return () => answer.value
  }

  /** A page of the bucket's keys, now. */
  index(
    prefix: string,
    after?: Uint8Array,
    maxRows = 1000,
  ): Omit<IndexPage, 'keys'> & { keys: readonly Buffer[] } {
    const answer = new Answer<IndexPage>()
    const range = { bucket: bytesOf('bucket'), prefix: bytesOf(prefix), maxRows }
    this.guard.scanIndex(after === undefined ? range : { ...range, after }, answer.take)
    answer.asked()
    this.timeline.run()
    return { ...answer.value, keys: answer.value.keys.map((key) => Buffer.from(key)) }
  }

  keys(prefix: string, after?: string): string[] {
    return this.index(prefix, after === undefined ? undefined : bytesOf(after)).keys.map(String)
  }

  /** One of the node's own records, now. */
  systemNow(name: string): RowRead {
    const answer = new Answer<RowRead>()
    this.guard.readSystem(name, answer.take)
    answer.asked()
    this.timeline.run()
    return answer.value instanceof Uint8Array ? Buffer.from(answer.value) : answer.value
  }

  #sideFile(): SideFile {
    return {
      read: (done) => this.timeline.soon(() => done(undefined, this.disk.slots)),
      write: (slot, bytes, done) => {
        const kind = this.failSlotWrites.shift()
        this.events.push(`slot ${slot}`)
        this.slotInFlight = slot
        const finish = () => {
          this.slotInFlight = undefined
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
  return `d${textOf(rowKeyOf(key))}`
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
