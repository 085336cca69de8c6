/** The two-slot side file and the free space of a simulated disk. A crash can tear the slot that was being written, anywhere. */
import { type Completion, EngineError } from '../../src/ports/engine.js'
import type { SideFile } from '../../src/ports/side-file.js'
import type { Space } from '../../src/ports/space.js'
import type { SimDisk } from './disk.js'
import type { Prng } from './prng.js'
import type { SimProcess } from './process.js'

const SLOT_BYTES = 512
const SLOT_MS = 0.8
const ROOM_BYTES = 64 * 1024 * 1024 * 1024

export class SimSideFile implements SideFile {
  readonly #process: SimProcess
  readonly #disk: SimDisk
  readonly #prng: Prng
  #writing: { slot: 0 | 1; bytes: Uint8Array } | undefined
  #abandoned = false

  constructor(process: SimProcess, disk: SimDisk, prng: Prng) {
    this.#process = process
    this.#disk = disk
    this.#prng = prng
  }

  read(done: Completion<readonly [Uint8Array | undefined, Uint8Array | undefined]>): void {
    this.#later('side read', () => done(undefined, [copy(this.#disk.slots[0]), copy(this.#disk.slots[1])]))
  }

  write(slot: 0 | 1, bytes: Uint8Array, done: Completion<void>): void {
    if (bytes.length > SLOT_BYTES)
      throw new RangeError(`a slot holds ${SLOT_BYTES} bytes, not ${bytes.length}`)
    if (this.#writing !== undefined) throw new Error(`${this.#process.name} writes two slots at once`)
    const writing = { slot, bytes: Uint8Array.from(bytes) }
    this.#writing = writing
    this.#later('side write', () => {
      this.#writing = undefined
      const failure = this.#fault()
      if (failure === undefined) this.#disk.slots[slot] = writing.bytes
      done(failure)
    })
  }

  /** The process dies: a write under way leaves the old slot, the new one, or the beginning of one over the other. */
  abandon(): void {
    this.#abandoned = true
    const writing = this.#writing
    if (writing === undefined) return
    const old = this.#disk.slots[writing.slot] ?? new Uint8Array(0)
    const at = this.#prng.whole(0, writing.bytes.length)
    const torn = new Uint8Array(Math.max(at, old.length))
    torn.set(old)
    torn.set(writing.bytes.subarray(0, at))
    this.#disk.slots[writing.slot] = torn.length === 0 ? undefined : torn
  }

  /** The slots lie preallocated: a full disk does not stop them, a failing one does. */
  #fault(): EngineError | undefined {
    if (this.#disk.ioErrors === 0) return undefined
    this.#disk.ioErrors -= 1
    return new EngineError('io', 'input/output error')
  }

  #later(kind: string, run: () => void): void {
    const delayMs = 0.05 + this.#prng.exponential(SLOT_MS) + this.#disk.slowMs
    const label = `${this.#process.name} ${kind}`
    this.#process.timeline.after(delayMs, label, () => {
      if (!this.#abandoned) this.#process.enter(label, run)
    })
  }
}

/** Free space as a full disk reports it: nothing. The reserve is what keeps a way out. */
export class SimSpace implements Space {
  readonly #process: SimProcess
  readonly #disk: SimDisk
  readonly #prng: Prng

  constructor(process: SimProcess, disk: SimDisk, prng: Prng) {
    this.#process = process
    this.#disk = disk
    this.#prng = prng
  }

  measure(done: Completion<number>): void {
    this.#later('space', () => done(undefined, this.#disk.full ? this.#prng.whole(0, 4096) : ROOM_BYTES))
  }

  holdReserve(done: Completion<void>): void {
    this.#later('hold', () =>
      done(this.#disk.full ? new EngineError('full', 'no room for the reserve') : undefined),
    )
  }

  releaseReserve(done: Completion<void>): void {
    this.#later('release', () => done(undefined))
  }

  #later(kind: string, run: () => void): void {
    const label = `${this.#process.name} ${kind}`
    this.#process.timeline.after(0.02 + this.#prng.exponential(0.1), label, () =>
      this.#process.enter(label, run),
    )
  }
}

function copy(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Uint8Array.from(bytes)
}
