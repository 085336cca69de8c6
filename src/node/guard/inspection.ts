import { checkRow, rowCommit } from '../../kernel/index.js'
import type { EngineError } from '../../ports/engine.js'
import { MARK_KEY } from './batch.js'
import { decodeMark, type Mark } from './boot-record.js'
import type { Flight } from './commit-queue.js'
import type { ReopenReport } from './face.js'
import { keyText, rowKeyToEngine } from './key-space.js'
import type { OwnedEngine } from './owned-engine.js'

const NOTHING = new Uint8Array(0)

/** Looks at a database that has just been opened: how far it says it has come, and whether there is anything in it. */

export interface Inspection {
  readonly mark: Mark | 'damaged' | undefined
  /** There is nothing in it at all. */
  readonly empty: boolean
}

type Inspected = (error: EngineError | undefined, inspection: Inspection) => void

export function inspect(engine: OwnedEngine, done: Inspected): void {
  engine.getMany([MARK_KEY], (error, [record]) => {
    if (error?.kind === 'corrupt') done(undefined, { mark: 'damaged', empty: false })
    else if (error !== undefined) done(error, { mark: undefined, empty: false })
    else if (record === undefined) lookForRows(engine, done)
    else done(undefined, { mark: decodeMark(MARK_KEY, record), empty: false })
  })
}

/** Without a mark: a new database, or one that lost it. What cannot be scanned holds something. */
function lookForRows(engine: OwnedEngine, done: Inspected): void {
  engine.scan({ from: NOTHING, maxRows: 1, maxBytes: 1 }, (error, result) => {
    const empty = error === undefined && result.rows.length === 0
    done(error?.kind === 'corrupt' ? undefined : error, { mark: undefined, empty })
  })
}

/** How much of a batch that failed is in the reopened database. Batches are atomic; an engine that kept a part has broken that. */
export function findBatch(
  engine: OwnedEngine,
  flight: Flight | undefined,
  mark: Inspection['mark'],
  done: (found: ReopenReport['failedBatch']) => void,
): void {
  if (flight === undefined) {
    done('none')
    return
  }
  const commit = mark === undefined || mark === 'damaged' ? 0 : mark.commit
  const rowKeys = rowKeysOf(flight)
  engine.getMany(rowKeys.map(rowKeyToEngine), (error, rows) => {
    const there = rows.filter((row, index) => isOfCommit(rowKeys[index]!, row, flight.commit)).length
    if (error !== undefined) done('partly')
    // A later mark is that of an earlier attempt to reopen, and says nothing of this batch.
    else if (there === rowKeys.length && commit >= flight.commit) done('whole')
    else done(there === 0 && commit !== flight.commit ? 'absent' : 'partly')
  })
}

/** The keys that hold a row once this batch has been applied. */
export function rowKeysOf(flight: Flight): readonly Uint8Array[] {
  const rowKeys = new Map<string, Uint8Array>()
  for (const { operations } of flight.writes) {
    for (const operation of operations) {
      if (operation.type === 'row') rowKeys.set(keyText(operation.rowKey), operation.rowKey)
      else if (operation.type === 'drop') rowKeys.delete(keyText(operation.rowKey))
    }
  }
  return [...rowKeys.values()]
}

function isOfCommit(rowKey: Uint8Array, row: Uint8Array | undefined, commit: number): boolean {
  return row !== undefined && checkRow(rowKey, row) === 0 && rowCommit(row) === commit
}
