/**
 * The language between machines and driver. A machine is one conversation: it is given an input and the time, and says what must be
 * done by appending effects; somebody else does it and gives the results back as inputs. Machines never call anything.
 */
import type { Failure } from '../errors.js'
import type { Digest64, Message } from '../wire/messages.js'

/** Why local storage did not keep a row. */
export type LocalFault = 'unavailable' | 'full' | 'overloaded'

/** The owners of one key under the table in force. */
export interface Placement {
  readonly ring: Digest64
  /** Node ids in the order of the preference list. While the key is on its way to other owners: those who are read. */
  readonly owners: readonly string[]
  /** While it is on its way, the other lists in which every write is tallied; else none. */
  readonly others?: readonly (readonly string[])[]
  /** All nodes of these lists; absent: the owners. */
  readonly holders?: readonly string[]
  /** The preference list beyond the owners: who stands in for one that is away. Made when it is asked for. */
  readonly beyond: readonly string[]
}

/** One client's write, as the coordinator hands it to its replica. */
export interface WriteFields {
  readonly tombstone: boolean
  readonly wallMs: number
  readonly operation: Uint8Array
  readonly attributes: Uint8Array
  readonly value: Uint8Array
  /** The row that it goes into is written over an unreadable one. The lane's business: false everywhere else. */
  readonly incomplete: boolean
  /** It carries an operation id that must not be carried out twice. */
  readonly operationIsClients: boolean
}

export type Input =
  /** The local row. `known` is false where a row may exist that cannot be trusted; `counts` says whether it may count towards R. */
  | {
      readonly kind: 'row'
      readonly object: Uint8Array | undefined
      readonly known: boolean
      readonly counts: boolean
    }
  | { readonly kind: 'answer'; readonly from: string; readonly message: Message }
  /** The message for this peer was not taken: it is not connected or not answering, or its window is full. */
  | { readonly kind: 'unsent'; readonly to: string }
  /** The connection broke after the message was sent: it may or may not have arrived. */
  | { readonly kind: 'lost'; readonly to: string }
  /** The message was sent and its peer does not answer any more (a local opinion): it may still have arrived, and be answered. */
  | { readonly kind: 'suspected'; readonly to: string }
  /** The replica applied the write: `object` is the merged object. A negative code is the kernel's refusal, and `object` is empty. */
  | {
      readonly kind: 'applied'
      readonly code: number
      readonly object: Uint8Array
      readonly actor: Uint8Array | undefined
    }
  /** What was applied or merged here is durable in the mode in force, or will never be. `buffered`: it is in memory only, as yet. */
  | { readonly kind: 'settled'; readonly fault: LocalFault | undefined; readonly buffered?: boolean }
  /** What is kept for a target: `gone` = certainly nothing, `unknown` = it cannot be read now. `object` and `number` with `held` only. */
  | {
      readonly kind: 'hint'
      readonly found: 'held' | 'gone' | 'unknown'
      readonly object: Uint8Array
      readonly number: number
    }
  /** Membership was learned after a `learn` effect: the placement now in force. */
  | { readonly kind: 'placement'; readonly placement: Placement }
  /** `lateMs` has passed. */
  | { readonly kind: 'late' }

/** Who sees to it that a write is on some disk before it is acknowledged; `nobody`: a single node, which has only its memory. */
export type DurableBy = 'self' | 'another' | 'nobody'

/** `hintFor`: not into this node's own row, but into what it keeps for these owners (with an empty object: that its own row is to be given to them). */
export type Effect =
  | { readonly kind: 'send'; readonly conversation: number; readonly to: string; readonly message: Message }
  | { readonly kind: 'read'; readonly conversation: number; readonly rowKey: Uint8Array }
  | {
      readonly kind: 'write'
      readonly conversation: number
      readonly rowKey: Uint8Array
      readonly write: WriteFields
      readonly context: Uint8Array
      readonly hintFor?: readonly string[] | undefined
    }
  /**
   * `conversation` 0: nobody waits for it. `completes`: the row was exchanged with enough owners to count again. `durable`: settled when the disk has it,
   * whatever the mode in force is.
   */
  | {
      readonly kind: 'merge'
      readonly conversation: number
      readonly rowKey: Uint8Array
      readonly object: Uint8Array
      readonly completes?: boolean
      readonly durable?: boolean
      readonly hintFor?: readonly string[] | undefined
    }
  /** What is kept here for the target comes back as `hint`. */
  | {
      readonly kind: 'read-hint'
      readonly conversation: number
      readonly rowKey: Uint8Array
      readonly target: string
    }
  /** The target holds durably what was kept under this number: the hint goes, unless there is something newer. Ends in `settled`. */
  | {
      readonly kind: 'release'
      readonly conversation: number
      readonly rowKey: Uint8Array
      readonly target: string
      readonly number: number
    }
  /** A peer works under another table; merge its membership state, tell it ours, and come back with `placement`. */
  | {
      readonly kind: 'learn'
      readonly conversation: number
      readonly from: string
      readonly state: Uint8Array
    }
  /** The client's answer. The conversation may go on (repair of stragglers) until `close`. */
  | { readonly kind: 'done'; readonly conversation: number; readonly outcome: unknown }
  | { readonly kind: 'close'; readonly conversation: number }

export interface Machine {
  readonly id: number
  /** The key that it is about. */
  readonly rowKey: Uint8Array
  /** When `expire` is due, on the node's monotonic clock. */
  readonly deadlineMs: number
  /** When it wants to be told that it is `late`, to ask somebody else as well; Infinity or absent: never. It is asked anew after each step. */
  readonly lateMs?: number
  start(nowMs: number, out: Effect[]): void
  step(input: Input, nowMs: number, out: Effect[]): void
  /** The deadline passed: answer what can be answered, and close. */
  expire(nowMs: number, out: Effect[]): void
}

export type { Failure }
