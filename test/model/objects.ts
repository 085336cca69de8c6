/** Makes rows and objects for tests of the protocol, through the kernel. */
import { applyWrite, applyWriteBound, decodeObject, rowObject } from '../../src/kernel/index.js'

const NOTHING = new Uint8Array(0)
const LIMITS = { maxSiblings: 128, maxBytes: 8 * 1024 * 1024 }

export interface Put {
  readonly value?: string
  readonly context?: Uint8Array
  readonly tombstone?: boolean
  readonly operation?: string
}

/** An actor of 14 bytes that begins with `name`. */
export function actorOf(name: string): Buffer {
  return Buffer.from(name.padEnd(14, '.'))
}

/** `row` after one write by `actor`. */
export function putRow(row: Uint8Array, actor: string, put: Put): Uint8Array {
  const write = {
    tombstone: put.tombstone === true,
    incomplete: false,
    wallMs: 1,
    operation: Buffer.from(put.operation ?? ''),
    attributes: NOTHING,
    value: Buffer.from(put.value ?? ''),
    operationIsClients: put.operation !== undefined,
  }
  const context = put.context ?? NOTHING
  const out = Buffer.alloc(applyWriteBound(row, context, write))
  const length = applyWrite(row, actorOf(actor), context, write, LIMITS, out)
  if (length <= 0) throw new Error(`the kernel refused with ${length}`)
  return out.subarray(0, length)
}

/** The object after `puts`, each by its actor, none with a row before it. */
export function objectOf(actor: string, ...puts: Put[]): Uint8Array {
  return rowObject(puts.reduce((row, put) => putRow(row, actor, put), NOTHING as Uint8Array))
}

/** The live values of an object as texts, sorted. */
export function valuesOf(object: Uint8Array | undefined): string[] {
  if (object === undefined) return []
  const live = decodeObject(object).siblings.filter(({ tombstone }) => !tombstone)
  return live.map(({ value }) => Buffer.from(value).toString()).sort()
}
