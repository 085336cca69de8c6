/**
 * The placement table in force: partition → owners in order. A function of the membership state alone, computed by the kernel;
 * every node that holds the same state computes the same table, and its digest tells two tables apart.
 */
import { encodeChanges, objectDigest, placementTable } from '../../kernel/index.js'
import type { Digest64 } from '../../wire/messages.js'
import type { Placement } from '../effects.js'
import type { ClusterState } from './state.js'
import { encodeState } from './state-codec.js'

export class Ring {
  readonly digest: Digest64
  readonly partitions: number
  /** The N in force: as configured, or the number of members where they are fewer. */
  readonly n: number
  /** Ids of the present members, sorted. */
  readonly members: readonly string[]
  /** For each partition its owners' ids in order. */
  readonly owners: readonly (readonly string[])[]
  /** The same, as requests take it with them. */
  readonly #placements: readonly Placement[]
  readonly #shift: number

  constructor(state: ClusterState) {
    const { n, partitions } = state.birth
    const placed = placementTable(partitions, n, encodeChanges(state.changes))
    this.partitions = partitions
    this.members = placed.members
    this.n = Math.min(n, placed.members.length)
    this.owners = Array.from({ length: partitions }, (_, p) =>
      Array.from(placed.table.subarray(p * this.n, (p + 1) * this.n), (index) => placed.members[index]!),
    )
    this.#shift = 16 - Math.log2(partitions)
    this.digest = ringDigest(state)
    this.#placements = this.owners.map((owners) => ({ ring: this.digest, owners }))
  }

  /** Whose the key is under this table. */
  placementOf(rowKey: Uint8Array): Placement {
    return this.#placements[this.partitionOf(rowKey)]!
  }

  /** The partition of a row key: the top bits of its hash. */
  partitionOf(rowKey: Uint8Array): number {
    return ((rowKey[0]! << 8) | rowKey[1]!) >>> this.#shift
  }

  ownersOf(rowKey: Uint8Array): readonly string[] {
    return this.owners[((rowKey[0]! << 8) | rowKey[1]!) >>> this.#shift]!
  }

  /** Members after the owners, in an order that differs from partition to partition: who stands in when owners are away. */
  preferenceList(rowKey: Uint8Array): readonly string[] {
    const partition = this.partitionOf(rowKey)
    const owners = this.owners[partition]!
    const others = this.members.filter((member) => !owners.includes(member))
    const turn = others.length === 0 ? 0 : partition % others.length
    return [...owners, ...others.slice(turn), ...others.slice(0, turn)]
  }
}

/** Of what the table follows from: birth and changes, not facts. */
function ringDigest(state: ClusterState): Digest64 {
  const digest = Buffer.alloc(16)
  objectDigest(
    encodeState({ birth: { ...state.birth, bornMs: 0 }, changes: state.changes, facts: [] }),
    digest,
  )
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) }
}

export function sameDigest(a: Digest64, b: Digest64): boolean {
  return a.high === b.high && a.low === b.low
}

/** 16 hex digits. */
export function digestText(digest: Digest64): string {
  return digest.high.toString(16).padStart(8, '0') + digest.low.toString(16).padStart(8, '0')
}

/** 16 bytes over the whole state, facts included: what gossip compares. */
export function stateDigest(state: ClusterState): Uint8Array {
  const digest = new Uint8Array(16)
  objectDigest(encodeState(state), digest)
  return digest
}
