/**
 * The addresses that a member was started with (`--join`), for when it misses somebody: parts of a cluster that were cut off from each other while their
 * addresses changed know no address any more at which the others are (paper 4.8.2). Over any member that answers at one of these, both sides hear of all the others.
 * What answers there and is of another cluster is refused by the handshake.
 */
import { limits } from '../limits.js'
import type { Network } from '../ports/network.js'
import type { Membership } from '../protocol/membership/membership.js'
import { presentMembers } from '../protocol/membership/state.js'

export interface SeedsParts {
  readonly network: Pick<Network, 'dial' | 'undial'>
  readonly membership: Membership
  readonly peers: { isConnected(id: string): boolean }
  readonly addresses: readonly string[]
  /** Dialled when a member was missing for so long; 0 = never. */
  readonly afterMs: number | undefined
}

export class Seeds {
  readonly #parts: SeedsParts
  readonly #afterMs: number
  readonly #dialled = new Set<string>()
  /** Since when somebody is missing; undefined: nobody is. */
  #missingSinceMs: number | undefined

  constructor(parts: SeedsParts) {
    this.#parts = parts
    this.#afterMs = parts.afterMs ?? limits.seedsAfterMs
  }

  tick(nowMs: number): void {
    const { membership, peers, addresses } = this.#parts
    if (addresses.length === 0 || this.#afterMs === 0) return
    const { state, self, own } = membership
    const others = presentMembers(state).filter(({ id }) => id !== self)
    if (others.every(({ id }) => peers.isConnected(id))) return this.#rest()
    this.#missingSinceMs ??= nowMs
    if (nowMs - this.#missingSinceMs < this.#afterMs) return
    for (const address of addresses) if (address !== own.peerAddress) this.#dial(address)
  }

  #dial(address: string): void {
    if (this.#dialled.has(address)) return
    this.#dialled.add(address)
    this.#parts.network.dial(address)
  }

  #rest(): void {
    this.#missingSinceMs = undefined
    for (const address of this.#dialled) this.#parts.network.undial(address)
    this.#dialled.clear()
  }
}
