import { crc32c, sealRow } from '../../kernel/index.js'
import type { BatchOperation } from '../../ports/engine.js'
import { encodeMark, type Mark } from './boot-record.js'
import type { WriteOperation } from './face.js'
import { indexKeyOf, recordKey, rowKeyToEngine, systemKey } from './key-space.js'
import { recordOperation } from './records.js'
import { sealRecord } from './small-record.js'

/** Turns writes into the operations of one engine batch: rows sealed with its number, index rows, and the mark. */

/** The record that says how far the database has come; written with every batch. */
export const MARK_KEY = systemKey('commit')
const MARK_NAME_SUM = crc32c(MARK_KEY)

const NOTHING = new Uint8Array(0)

export function appendOperations(
  batch: BatchOperation[],
  operations: readonly WriteOperation[],
  commit: number,
): void {
  for (const operation of operations) {
    switch (operation.type) {
      case 'row':
        appendRow(batch, operation, commit)
        break
      case 'drop':
        batch.push({ type: 'del', key: rowKeyToEngine(operation.rowKey) })
        batch.push({ type: 'del', key: indexKeyOf(operation.rowKey) })
        break
      case 'record':
        batch.push(recordOperation(recordKey(operation.space, operation.key), operation.value, commit))
        break
      case 'index':
        batch.push(indexOperation(operation.rowKey))
        break
      case 'system':
        batch.push(recordOperation(systemKey(operation.name), operation.value, commit))
        break
      default:
        operation satisfies never
    }
  }
}

export function markOperation(mark: Mark): BatchOperation {
  return { type: 'put', key: MARK_KEY, value: encodeMark(MARK_NAME_SUM, mark) }
}

/** Whether an operation keeps somebody's data: it waits for room on the disk, and a node that has done it once is not empty. */
export function holdsData(operation: WriteOperation): boolean {
  if (operation.type === 'record') return operation.space === 'fallback' && operation.value !== undefined
  return operation.type === 'row'
}

/** Bytes that an operation will take in a batch, about. */
export function operationBytes(operation: WriteOperation): number {
  switch (operation.type) {
    case 'row':
      return operation.rowKey.length + operation.row.length
    case 'drop':
      return 2 * operation.rowKey.length
    case 'record':
      return operation.key.length + (operation.value?.length ?? 0)
    case 'index':
      return operation.rowKey.length
    case 'system':
      return operation.name.length + (operation.value?.length ?? 0)
    default:
      return operation satisfies never
  }
}

/** The same of all of them. */
export function bytesOf(operations: readonly WriteOperation[]): number {
  let bytes = 0
  for (const operation of operations) bytes += operationBytes(operation)
  return bytes
}

function appendRow(
  batch: BatchOperation[],
  operation: WriteOperation & { type: 'row' },
  commit: number,
): void {
  const { rowKey, row, isNew } = operation
  sealRow(rowKey, row, commit)
  batch.push({ type: 'put', key: rowKeyToEngine(rowKey), value: row })
  if (isNew) batch.push(indexOperation(rowKey))
}

function indexOperation(rowKey: Uint8Array): BatchOperation {
  const key = indexKeyOf(rowKey)
  return { type: 'put', key, value: sealRecord(key, NOTHING) }
}
