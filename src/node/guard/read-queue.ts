import { checkRow, rowCommit } from '../../kernel/index.js'
import { limits } from '../../limits.js'
import type { EngineError } from '../../ports/engine.js'
import type { CommitQueue } from './commit-queue.js'
import type { GuardStats, RowRead } from './face.js'
import { keyText, rowKeyToEngine } from './key-space.js'
import type { DamageLog } from './outcomes.js'
import type { OwnedEngine } from './owned-engine.js'
import type { RowCache } from './row-cache.js'
import type { Turn } from './turn.js'
import type { WriteBuffer } from './write-buffer.js'

/**
 * Reads of rows by key. What the cache has not is gathered over the turn and asked of the engine in one getMany; every row is
 * checked against its key before it is shown. An error for many keys is taken apart into one call for each, so that a damaged
 * block hides only its own rows.
 *
 * A row that belongs to the batch now under way is not shown: if that batch fails, it may never have been. Such a read waits
 * until the batch has ended.
 */
interface RowsAsked {
  readonly rowKeys: readonly Uint8Array[]
  readonly rows: RowRead[]
  left: number
  readonly done: (rows: readonly RowRead[]) => void
}

/** One slot of one question. */
interface Miss {
  readonly asked: RowsAsked
  readonly slot: number
  /** Asked of the engine in a call of its own, after one with others had failed. */
  readonly alone: boolean
}

/** One getMany under way. */
interface Sweep {
  readonly misses: readonly Miss[]
  /** Keys written since it was issued: what it found of them is older than what the cache holds. */
  overtaken: Set<string> | undefined
}

export interface ReadPorts {
  readonly engine: OwnedEngine
  readonly turn: Turn
  readonly cache: RowCache
  /** Rows acknowledged from memory, newer than what the disk has. */
  readonly buffer: WriteBuffer | undefined
  readonly commits: CommitQueue
  readonly damage: DamageLog
  readonly stats: GuardStats
  /** False while the engine must not be believed: before it has been judged, and while it is fenced and not open for reading. */
  mayRead(): boolean
}

export class ReadQueue {
  readonly #ports: ReadPorts
  /** Under way: a few. */
  readonly #sweeps: Sweep[] = []
  #misses: Miss[] = []
  #due = false

  constructor(ports: ReadPorts) {
    this.#ports = ports
  }

  read(rowKeys: readonly Uint8Array[], done: (rows: readonly RowRead[]) => void): void {
    const asked: RowsAsked = { rowKeys, rows: new Array<RowRead>(rowKeys.length), left: 0, done }
    for (let slot = 0; slot < rowKeys.length; slot++) {
      const held = this.#ports.buffer?.get(rowKeys[slot]!)
      if (held === 'dropped') continue
      const cached = held ?? this.#ports.cache.get(rowKeys[slot]!)
      asked.rows[slot] = cached
      if (cached === undefined) this.#miss({ asked, slot, alone: false })
      else this.#ports.stats.cacheHits++
    }
    if (asked.left === 0) this.#ports.turn.after(() => done(asked.rows))
    else this.#sweepSoon()
  }

  /** These keys have a new durable row; what is under way must not put an older one into the cache. */
  overtake(rowKey: Uint8Array): void {
    for (const sweep of this.#sweeps) {
      sweep.overtaken ??= new Set()
      sweep.overtaken.add(keyText(rowKey))
    }
  }

  #miss(miss: Miss): void {
    miss.asked.left++
    if (this.#misses.length < limits.storageQueueReads)
      this.#ports.stats.queuedReads = this.#misses.push(miss)
    else this.#ports.turn.after(() => this.#answer(miss, 'unreadable'))
  }

  #sweepSoon(): void {
    if (this.#due) return
    this.#due = true
    this.#ports.turn.after(() => {
      this.#due = false
      this.#sweep()
    })
  }

  #sweep(): void {
    while (this.#misses.length > 0 && this.#sweeps.length < limits.storageSweeps) {
      this.#start({ misses: this.#misses.splice(0, this.#reach()), overtaken: undefined })
    }
    this.#ports.stats.queuedReads = this.#misses.length
  }

  /** How many of the waiting misses the next getMany takes. */
  #reach(): number {
    const alone = this.#misses.findIndex((miss) => miss.alone)
    if (alone === 0) return 1
    return Math.min(alone === -1 ? this.#misses.length : alone, limits.storageSweepRows)
  }

  #start(sweep: Sweep): void {
    if (!this.#ports.mayRead()) {
      for (const miss of sweep.misses) this.#answer(miss, 'unreadable')
      return
    }
    this.#sweeps.push(sweep)
    const keys = sweep.misses.map(({ asked, slot }) => rowKeyToEngine(asked.rowKeys[slot]!))
    this.#ports.engine.getMany(keys, (error, values) => {
      this.#sweeps.splice(this.#sweeps.indexOf(sweep), 1)
      if (error === undefined) this.#found(sweep, values)
      else this.#refused(sweep, error)
      this.#sweep()
    })
  }

  #found(sweep: Sweep, values: readonly (Uint8Array | undefined)[]): void {
    for (let index = 0; index < sweep.misses.length; index++) {
      this.#check(sweep, sweep.misses[index]!, values[index])
    }
  }

  #refused(sweep: Sweep, error: EngineError): void {
    if (sweep.misses.length > 1 && error.kind !== 'closed') {
      this.#misses.unshift(...sweep.misses.map((miss) => ({ ...miss, alone: true })))
      return
    }
    for (const miss of sweep.misses) {
      if (error.kind !== 'closed') this.#ports.damage.row(miss.asked.rowKeys[miss.slot]!, error.message)
      this.#answer(miss, 'unreadable')
    }
  }

  #check(sweep: Sweep, miss: Miss, row: Uint8Array | undefined): void {
    const rowKey = miss.asked.rowKeys[miss.slot]!
    if (row === undefined) {
      this.#answer(miss, undefined)
    } else if (checkRow(rowKey, row) !== 0) {
      this.#ports.damage.row(rowKey, 'checksum')
      this.#answer(miss, 'unreadable')
    } else if (rowCommit(row) > this.#ports.commits.lastCommit) {
      this.#ahead(miss)
    } else {
      if (sweep.overtaken?.has(keyText(rowKey)) !== true) this.#ports.cache.set(rowKey, row)
      this.#answer(miss, row)
    }
  }

  /** A row of a batch that has not ended, or has failed. */
  #ahead(miss: Miss): void {
    const { commits, buffer } = this.#ports
    const held = buffer?.get(miss.asked.rowKeys[miss.slot]!)
    if (held !== undefined) {
      this.#answer(miss, held === 'dropped' ? undefined : held)
      return
    }
    if (!commits.inFlight) {
      this.#answer(miss, 'unreadable')
      return
    }
    commits.whenSettled(() => {
      this.#misses.push(miss)
      this.#sweepSoon()
    })
  }

  #answer(miss: Miss, row: RowRead): void {
    const { asked, slot } = miss
    asked.rows[slot] = row
    this.#ports.stats.rowsRead++
    if (--asked.left === 0) asked.done(asked.rows)
  }
}
