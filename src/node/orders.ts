/** Requests as a node's coordination takes them, whoever asked: a client here, or a node that forwarded. */
import type { ForwardBody } from '../protocol/coordinator/forward.js'
import { resolveQuorum } from '../protocol/coordinator/quorum.js'
import type { Placement, WriteFields } from '../protocol/effects.js'
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

/** As a forwarded request says that all owners are asked for, whatever N is where it arrives. */
const ALL = 255

/**
 * What a forwarded request asks for, as one number (decision 76). `quorum` and `all` go as what they are, for whoever coordinates may know of another N, and counts
 * in each list by that list's length. Where some owner does not understand `all` yet it goes as the length of the longest list in force here.
 */
export function forwardedChoice(
  choice: QuorumChoice | undefined,
  { owners, others }: Placement,
  understandsAll: (owner: string) => boolean,
): number {
  if (choice === undefined || choice === 'quorum') return 0
  if (choice === 'one') return 1
  if (choice === 'all' && owners.every(understandsAll)) return ALL
  return choice === 'all' ? Math.max(owners.length, ...(others ?? []).map(({ length }) => length)) : choice
}

/** The other way round. */
export function choiceOf(forwarded: number): QuorumChoice | undefined {
  if (forwarded === 0) return undefined
  return forwarded === ALL ? 'all' : forwarded
}

export function forwardBody(order: WriteOrder, w: number): ForwardBody {
  const { rowKey, fields, context, returnObject } = order
  const blind = context === undefined
  return {
    type: 7,
    ...fields,
    rowKey,
    w,
    blind,
    returnObject,
    strict: !order.sloppy,
    context: context ?? NOTHING,
  }
}

/** What was forwarded here was in range where it came from, under the N in force there: of a shorter list it asks for all. */
export function isOutOfRange(
  choice: QuorumChoice | undefined,
  { forwarded }: { readonly forwarded: boolean },
  n: number,
): boolean {
  return !forwarded && resolveQuorum(choice, n) === undefined
}
