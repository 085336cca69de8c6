/** What members say to each other before tombstones go (types 48 to 54; src/protocol/reaping says why). */
import type { ReplicaStatus } from './messages.js'

/** A tombstone, as the digest of the object in which nothing but tombstones is left. */
export interface ReapKey {
  readonly rowKey: Uint8Array
  /** 16 bytes. */
  readonly digest: Uint8Array
}

/** "Have you nothing of these keys but this?" Asked of every member. */
export interface ReapAsk {
  readonly type: 48
  readonly id: number
  /** 16 bytes: digest of the asker's whole membership state. */
  readonly state: Uint8Array
  readonly keys: readonly ReapKey[]
}
/** To `ReapAsk` and `ReapAgree`. */
export interface ReapAnswer {
  readonly type: 49
  readonly id: number
  readonly status: ReplicaStatus
  /** One bit for each key of the round, the lowest of the first byte first: it is clean here. */
  readonly clean: Uint8Array
}
/** "All members were clean of these of the keys: have you heard nothing of them since?" */
export interface ReapAgree {
  readonly type: 50
  readonly id: number
  readonly clean: Uint8Array
}
/** "It is certain: let go of these of the keys, unless they have changed." Asked of owners. */
export interface ReapDrop {
  readonly type: 51
  readonly id: number
  readonly clean: Uint8Array
}
export interface ReapDropped {
  readonly type: 52
  readonly id: number
  readonly status: ReplicaStatus
  /** Keys that have no row here any more. */
  readonly clean: Uint8Array
}
/** "You have now all that I sent before this." It overtakes nothing. */
export interface ReapFlush {
  readonly type: 53
  readonly id: number
}
export interface ReapFlushed {
  readonly type: 54
  readonly id: number
}

export type ReapMessage = ReapAsk | ReapAnswer | ReapAgree | ReapDrop | ReapDropped | ReapFlush | ReapFlushed
