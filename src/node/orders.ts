/** Requests as a node's coordination takes them, whoever asked: a client here, or a node that forwarded. */
import type { ForwardBody } from '../protocol/coordinator/forward.js'
import type { WriteFields } from '../protocol/effects.js'
import type { QuorumChoice } from './requests.js'

const NOTHING = new Uint8Array(0)

/** A read, whoever asked for it. */
export interface ReadOrder {
  readonly rowKey: Uint8Array
  readonly r: QuorumChoice | undefined
  readonly sloppy: boolean
  readonly deadlineMs: number
  /** It was forwarded here and goes no further. */
  readonly forwarded: boolean
}

/** A write, whoever asked for it. */
export interface WriteOrder {
  readonly rowKey: Uint8Array
  readonly fields: WriteFields
  readonly context: Uint8Array | undefined
  readonly w: QuorumChoice | undefined
  readonly sloppy: boolean
  readonly returnObject: boolean
  readonly preferred: string
  readonly deadlineMs: number
  /** It was forwarded here and goes no further. */
  readonly forwarded: boolean
}

export function writeFields(
  tombstone: boolean,
  wallMs: number,
  attributes: Uint8Array,
  value: Uint8Array,
  operation: Uint8Array,
): WriteFields {
  const operationIsClients = operation.length > 0
  return { tombstone, incomplete: false, wallMs, operation, attributes, value, operationIsClients }
}

export function forwardBody(order: WriteOrder, w: number): ForwardBody {
  const { rowKey, fields, context, returnObject } = order
  const blind = context === undefined
  return {
    type: 7,
    ...fields,
    rowKey,
    w: order.w === undefined ? 0 : w,
    blind,
    returnObject,
    strict: !order.sloppy,
    context: context ?? NOTHING,
  }
}
