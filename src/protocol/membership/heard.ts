/** States that were heard lately. While partitions move a state comes with every answer that was counted by another one, so the same bytes are heard many times. */
import type { ClusterState } from './state.js'
import { decodeState } from './state-codec.js'

/** So many different ones are remembered. */
const REMEMBERED = 16

export interface Heard {
  readonly bytes: Uint8Array
  readonly state: ClusterState
  /** It has been merged into what this node knows, which only grows. */
  isKnown: boolean
  /** Whether it lacked something of the state that was in force then. */
  lack: { readonly of: ClusterState; readonly theyLack: boolean } | undefined
}

export class HeardStates {
  readonly #heard: Heard[] = []

  /** Throws WireError when the bytes are no state. */
  of(bytes: Uint8Array): Heard {
    const known = this.#heard.find((heard) => Buffer.compare(heard.bytes, bytes) === 0)
    return known ?? this.#add(bytes, decodeState(bytes))
  }

  /** This node's own state: whoever has the same says nothing new. */
  own(bytes: Uint8Array, state: ClusterState): void {
    this.#add(bytes, state).isKnown = true
  }

  #add(bytes: Uint8Array, state: ClusterState): Heard {
    // A copy: what was heard is part of a frame, which may be large.
    const heard: Heard = { bytes: Uint8Array.from(bytes), state, isKnown: false, lack: undefined }
    if (this.#heard.push(heard) > REMEMBERED) this.#heard.shift()
    return heard
  }
}
