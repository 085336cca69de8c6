import type { BatchOperation } from '../../ports/engine.js'
import type { CommitQueue } from './commit-queue.js'
import type { RowRead } from './face.js'
import { systemKey } from './key-space.js'
import type { OwnedEngine } from './owned-engine.js'
import { openRecord, sealRecord } from './small-record.js'

/**
 * The node's own records (its identity, the membership it knows …), by name: few, small, read at a start. The payload begins with
 * the number of the commit that wrote it, so that one of a batch that has not ended is known, as rows are.
 */
const COMMIT_BYTES = 8

export function systemOperation(name: string, value: Uint8Array | undefined, commit: number): BatchOperation {
  const key = systemKey(name)
  if (value === undefined) return { type: 'del', key }
  const payload = Buffer.allocUnsafe(COMMIT_BYTES + value.length)
  payload.writeBigUInt64LE(BigInt(commit))
  payload.set(value, COMMIT_BYTES)
  return { type: 'put', key, value: sealRecord(key, payload) }
}

export interface SystemPorts {
  readonly engine: OwnedEngine
  readonly commits: CommitQueue
  mayRead(): boolean
}

/** `done` may come within the call where reading is not allowed. */
export function readSystemRecord(ports: SystemPorts, name: string, done: (value: RowRead) => void): void {
  if (!ports.mayRead()) {
    done('unreadable')
    return
  }
  const key = systemKey(name)
  ports.engine.getMany([key], (error, records) => {
    // Where there is an error there are no records: the engine was closed meanwhile, or failed.
    const record = error === undefined ? records[0] : undefined
    const payload = record === undefined ? undefined : openRecord(key, record)
    if (
      error !== undefined ||
      payload === 'damaged' ||
      (payload !== undefined && payload.length < COMMIT_BYTES)
    ) {
      done('unreadable')
    } else if (payload === undefined || Number(payload.readBigUInt64LE()) <= ports.commits.lastCommit) {
      done(payload?.subarray(COMMIT_BYTES))
    } else if (ports.commits.inFlight) {
      ports.commits.whenSettled(() => readSystemRecord(ports, name, done))
    } else {
      done('unreadable')
    }
  })
}
