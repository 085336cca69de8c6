/**
 * The disk under a simulated node: what a crash leaves of what was written.
 *
 *   durable   rows that survive everything but a disaster
 *   unsynced  batches written after the last good sync, in order; a kill keeps them all, a power cut keeps some prefix
 *   visible   what the process that has the database open reads: durable + unsynced
 *
 * The hostile parts copy what npm rocksdb 5.2.1 was measured to do (see docs/simulation.md): after a failed write every later
 * batch sits behind a hole in the log, is acknowledged, and is gone at the next open; after a failed sync the pages count as
 * clean, so the next sync succeeds and a power cut still takes them; a damaged log opens without complaint and without its
 * tail; a damaged table returns wrong bytes from a scan.
 */
import type { Prng } from './prng.js'

/** Keys and rows as the map holds them: a key is its bytes as a latin-1 string, so that string order is byte order. */
export interface Change {
  readonly key: string
  readonly value: Uint8Array | undefined
}

export type Fate =
  | 'good'
  /** Behind a hole in the log: gone at the next open, whatever was acknowledged. */
  | 'behind-hole'
  /** In pages that a failed sync marked clean: survives a reopen, not a power cut. */
  | 'unsyncable'

interface Batch {
  readonly changes: readonly Change[]
  readonly fate: Fate
}

interface Undo {
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** A batch that was synced, and how to take it back. */
interface Hardened {
  readonly undo: Undo[]
  readonly timeMs: number
}

/** How a row's block went bad. A new write of the key heals it: the newer row lies elsewhere. */
export type Damage =
  /** Reads fail, scans return wrong bytes. */
  | 'checksum'
  /** Reads and scans return wrong bytes. */
  | 'flip'
  /** Reads and scans return another row's bytes. */
  | 'misdirected'

export interface DiskImage {
  readonly rows: ReadonlyMap<string, Uint8Array>
  readonly slots: readonly [Uint8Array | undefined, Uint8Array | undefined]
}

/** How far back a damaged log reaches: what was written before has long been in a table. */
const LOG_BATCHES = 48

export class SimDisk {
  slots: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined]
  /** Writes fail with `full`. */
  full = false
  /** So many of the next writes and syncs fail with `io`. */
  ioErrors = 0
  /** Added to every operation. */
  slowMs = 0
  /** Added to every sync. */
  slowSyncMs = 0
  /** What is read is what was there when the call was made; it is told of it up to so much later, while writes pass. */
  lateReadMs = 0
  /** The file that names all others is damaged: opening fails, until the directory is another one. */
  unopenable = false
  /** A disk that lies: synced means written. Only the canary uses it. */
  liesAboutSync = false
  readonly damaged = new Map<string, Damage>()
  readonly #now: () => number
  #durable = new Map<string, Uint8Array>()
  #visible = new Map<string, Uint8Array>()
  #unsynced: Batch[] = []
  #recent: Hardened[] = []
  #holed = false
  #sortedKeys: string[] | undefined = []

  constructor(now: () => number = () => 0) {
    this.#now = now
  }

  get(key: string): Uint8Array | undefined {
    return this.#visible.get(key)
  }

  /** The row that a power cut now would leave. */
  durable(key: string): Uint8Array | undefined {
    return this.#durable.get(key)
  }

  keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#visible.keys()].sort(byteOrder)
    return this.#sortedKeys
  }

  get isEmpty(): boolean {
    return this.#durable.size === 0 && this.slots[0] === undefined && this.slots[1] === undefined
  }

  /** The batch reaches the log: visible from now on. */
  write(changes: readonly Change[]): void {
    for (const change of changes) this.#see(change)
    this.#unsynced.push({ changes, fate: this.#holed ? 'behind-hole' : 'good' })
  }

  /** Everything written so far is on the disk, as far as this disk can be believed. */
  sync(): void {
    if (this.liesAboutSync) return
    const left: Batch[] = []
    for (const batch of this.#unsynced) {
      if (batch.fate === 'good') this.#harden(batch)
      else left.push(batch)
    }
    this.#unsynced = left
  }

  /** A write failed half way: the log has a hole, and what follows is lost at the next open. */
  tearLog(): void {
    this.#holed = true
  }

  /** A sync failed: the operating system forgets that these pages were dirty. */
  failSync(): void {
    this.#unsynced = this.#unsynced.map((batch) =>
      batch.fate === 'good' ? { changes: batch.changes, fate: 'unsyncable' } : batch,
    )
  }

  /** A new process opens the database: the log is replayed up to its first hole and written out. */
  reopen(): void {
    for (const batch of this.#unsynced) if (batch.fate !== 'behind-hole') this.#harden(batch)
    this.#settle()
  }

  /** The process dies; the operating system goes on. */
  kill(): void {
    this.#unsynced = this.#unsynced.filter((batch) => batch.fate !== 'behind-hole')
    this.#rebuildVisible()
  }

  /** The machine loses power: a prefix of what was not synced stays. Returns how many batches were lost. */
  cutPower(prng: Prng): number {
    const good = this.#unsynced.filter((batch) => batch.fate === 'good')
    const kept = prng.chance(0.5) ? 0 : prng.whole(0, good.length)
    for (const batch of good.slice(0, kept)) this.#harden(batch)
    const lost = this.#unsynced.length - kept
    this.#settle()
    return lost
  }

  /**
   * The log is damaged: the newest synced batches are gone, and nobody says so. Only while no process has it open. At least one of
   * them is older than `sinceMs`: the loss of nothing but the last moments before a crash looks like the crash itself.
   */
  loseTail(prng: Prng, sinceMs: number): number {
    const young = this.#recent.filter((batch) => batch.timeMs >= sinceMs).length
    const old = this.#recent.length - young
    if (old === 0) return 0
    const lost = young + (prng.chance(0.2) ? old : prng.whole(1, old))
    for (let count = 0; count < lost; count += 1) {
      for (const undo of (this.#recent.pop()?.undo ?? []).reverse()) put(this.#durable, undo.key, undo.value)
    }
    this.#settle()
    return lost
  }

  wipe(): void {
    this.#durable.clear()
    this.slots = [undefined, undefined]
    this.loseDatabase()
  }

  /** Its files are gone, and the side file is not: the next start finds an empty database. */
  loseDatabase(): void {
    this.#durable.clear()
    this.unopenable = false
    this.damaged.clear()
    this.#recent = []
    this.#settle()
  }

  /** A bit of one of its slots flips; false where nothing was ever written there. */
  damageSlot(prng: Prng): boolean {
    const index = prng.pick([0, 1] as const)
    const slot = this.slots[index]
    if (slot === undefined || slot.length === 0) return false
    const spoiled = Uint8Array.from(slot)
    const bit = prng.below(spoiled.length * 8)
    spoiled[bit >> 3] = (spoiled[bit >> 3] as number) ^ (1 << (bit & 7))
    this.slots[index] = spoiled
    return true
  }

  /** A copy of what is on the disk now, as a backup tool would take it. */
  image(): DiskImage {
    return { rows: new Map(this.#durable), slots: [...this.slots] }
  }

  restore(image: DiskImage): void {
    this.wipe()
    this.#durable = new Map(image.rows)
    this.slots = [...image.slots]
    this.#settle()
  }

  #see(change: Change): void {
    if ((change.value === undefined) === this.#visible.has(change.key)) this.#sortedKeys = undefined
    put(this.#visible, change.key, change.value)
    this.damaged.delete(change.key)
  }

  #harden(batch: Batch): void {
    const undo: Undo[] = []
    for (const change of batch.changes) {
      undo.push({ key: change.key, value: this.#durable.get(change.key) })
      put(this.#durable, change.key, change.value)
    }
    this.#recent.push({ undo, timeMs: this.#now() })
    if (this.#recent.length > LOG_BATCHES) this.#recent.shift()
  }

  #settle(): void {
    this.#unsynced = []
    this.#holed = false
    this.#rebuildVisible()
  }

  #rebuildVisible(): void {
    this.#visible = new Map(this.#durable)
    for (const batch of this.#unsynced)
      for (const change of batch.changes) put(this.#visible, change.key, change.value)
    this.#sortedKeys = undefined
  }
}

function put(rows: Map<string, Uint8Array>, key: string, value: Uint8Array | undefined): void {
  if (value === undefined) rows.delete(key)
  else rows.set(key, value)
}

function byteOrder(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
