import { limits } from '../../limits.js'
import type { BatchOperation, EngineError } from '../../ports/engine.js'
import type { CommitQueue } from './commit-queue.js'
import type { RecordRead } from './face.js'
import type { OwnedEngine } from './owned-engine.js'
import { openRecord, sealRecord } from './small-record.js'
import type { Turn } from './turn.js'

/**
 * Sealed records other than rows: the node's own (its identity, the membership it knows …), what it keeps as a fallback, and
 * hints. The payload begins with the number of the commit that wrote it, so that one of a batch that has not ended is known, as rows are.
 */
const COMMIT_BYTES = 8

export function recordOperation(
  key: Uint8Array,
  value: Uint8Array | undefined,
  commit: number,
): BatchOperation {
  if (value === undefined) return { type: 'del', key }
  const payload = Buffer.allocUnsafe(COMMIT_BYTES + value.length)
  payload.writeBigUInt64LE(BigInt(commit))
  payload.set(value, COMMIT_BYTES)
  return { type: 'put', key, value: sealRecord(key, payload) }
}

export interface RecordPorts {
  readonly engine: OwnedEngine
  readonly commits: CommitQueue
  readonly turn: Turn
  mayRead(): boolean
}

/** `why`: what is known of a record that is `damaged` or `unreadable`. */
type Answered = (value: RecordRead, why?: string) => void

interface Asked {
  readonly key: Uint8Array
  readonly done: Answered
}

/** Reads of records by their whole key in the engine. All that is asked within a turn is one look-up. */
export class RecordReads {
  readonly #ports: RecordPorts
  #asked: Asked[] = []
  #waiting = 0

  constructor(ports: RecordPorts) {
    this.#ports = ports
  }

  /** `done` never comes within the call. */
  read(key: Uint8Array, done: Answered): void {
    if (this.#waiting >= limits.storageQueueReads) {
      this.#ports.turn.after(() => done('unreadable'))
      return
    }
    this.#waiting++
    if (this.#asked.push({ key, done }) === 1) this.#ports.turn.after(() => this.#sweep())
  }

  #sweep(): void {
    const asked = this.#asked
    this.#asked = []
    for (let from = 0; from < asked.length; from += limits.storageSweepRows)
      this.#look(asked.slice(from, from + limits.storageSweepRows))
  }

  #look(asked: readonly Asked[]): void {
    if (!this.#ports.mayRead()) {
      for (const one of asked) this.#answer(one, 'unreadable')
      return
    }
    this.#ports.engine.getMany(
      asked.map(({ key }) => key),
      (error, values) => {
        if (error !== undefined) this.#refused(asked, error)
        else for (let index = 0; index < asked.length; index++) this.#show(asked[index]!, values[index])
      },
    )
  }

  /** A damaged block hides only its own records. */
  #refused(asked: readonly Asked[], error: EngineError): void {
    if (asked.length > 1 && error.kind !== 'closed') for (const one of asked) this.#look([one])
    else
      for (const one of asked)
        this.#answer(one, error.kind === 'corrupt' ? 'damaged' : 'unreadable', error.message)
  }

  #show(one: Asked, record: Uint8Array | undefined): void {
    const payload = record === undefined ? undefined : openPayload(one.key, record)
    if (payload === undefined) this.#answer(one, undefined)
    else if (payload === 'damaged') this.#answer(one, 'damaged', 'its checksum is wrong')
    else if (payload.commit <= this.#ports.commits.lastCommit) this.#answer(one, payload.value)
    else if (this.#ports.commits.inFlight) this.#ports.commits.whenSettled(() => this.#look([one]))
    else this.#answer(one, 'unreadable')
  }

  #answer({ done }: Asked, value: RecordRead, why?: string): void {
    this.#waiting--
    done(value, why)
  }
}

/** What `recordOperation` put in, and the commit that did. */
export function openPayload(
  key: Uint8Array,
  record: Uint8Array,
): { readonly commit: number; readonly value: Uint8Array } | 'damaged' {
  const payload = openRecord(key, record)
  if (payload === 'damaged' || payload.length < COMMIT_BYTES) return 'damaged'
  return { commit: Number(payload.readBigUInt64LE()), value: payload.subarray(COMMIT_BYTES) }
}
