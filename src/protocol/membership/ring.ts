/**
 * The placement table in force: partition → owners in order. A function of the membership state alone, computed by the kernel;
 * every node that holds the same state computes the same table, and its digest tells two tables apart.
 */
import { digestOf, encodeChanges, placementTable } from '../../kernel/index.js'
import type { Digest64 } from '../../wire/messages.js'
import type { Placement } from '../effects.js'
import type { ClusterState } from './state.js'
import { encodeState } from './state-codec.js'

/** How far beyond the owners anybody looks for a node to stand in for one. */
const BEYOND = 32

/** The owners of a partition, and who comes after them: as machines see them. */
class PartitionPlacement implements Placement {
  readonly ring: Digest64
  readonly owners: readonly string[]
  readonly #members: readonly string[]
  readonly #partition: number

  constructor(ring: Digest64, owners: readonly string[], members: readonly string[], partition: number) {
    this.ring = ring
    this.owners = owners
    this.#members = members
    this.#partition = partition
  }

  /**
   * The members that are no owners in the order of their ids, beginning at another one for each partition: the same on every node, and the
   * load of a node that is away falls on all the others.
   */
  get beyond(): readonly string[] {
    const others = this.#members.filter((member) => !this.owners.includes(member))
    const turn = others.length === 0 ? 0 : this.#partition % others.length
    return [...others.slice(turn), ...others.slice(0, turn)].slice(0, BEYOND)
  }
}

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
    this.#placements = this.owners.map(
      (owners, partition) => new PartitionPlacement(this.digest, owners, this.members, partition),
    )
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
    return this.owners[this.partitionOf(rowKey)]!
  }

  /** The owners, and those who stand in when owners are away. */
  preferenceList(rowKey: Uint8Array): readonly string[] {
    const { owners, beyond } = this.placementOf(rowKey)
    return [...owners, ...beyond]
  }
}

/** Of what the table follows from: birth and changes, not facts. */
function ringDigest(state: ClusterState): Digest64 {
  const birth = { ...state.birth, bornMs: 0 }
  const digest = digestOf(encodeState({ birth, changes: state.changes, facts: [], buckets: [] }))
  const view = new DataView(digest.buffer, digest.byteOffset)
  return { high: view.getUint32(0), low: view.getUint32(4) }
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
  return digestOf(encodeState(state))
}
