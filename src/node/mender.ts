/**
 * Has damaged tables taken out of this node's database, when the others can do without it.
 *
 *     scans meet a damaged table ─▶ can reads be served by the others alone?
 *                                   who this node is, written anew (it may lie in that table)
 *                                   the guard takes the table out; what could not be read is lost here
 *     fewer rows than before    ◀── from here on as after any loss: a new incarnation, and no reads until what is missing was
 *                                   fetched from a majority of the other owners (rebuilder.ts)
 *
 * A node that is alone leaves its table where it is: a row that is unreadable says so, one that is gone does not.
 */
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import { quorum } from '../protocol/coordinator/quorum.js'
import type { Membership } from '../protocol/membership/membership.js'
import { factsOf } from '../protocol/membership/state.js'
import { speaksOf } from '../protocol/membership/versions.js'
import type { StorageGuard, WriteOperation } from './guard/index.js'
import { encodeIdentity, RECORDS } from './records.js'
import { INDEX_HAS_GAPS } from './tree-keeper.js'

/** Between two looks whether the others are there. */
const LOOK_MS = 1_000
/** After an attempt, before the next table that is found damaged is taken out; doubled each time. */
const AGAIN_MS = 60_000
const LONGEST_AGAIN_MS = 3_600_000
/** Where reads have met damage, tables are looked at as a whole, but not more often than this. */
const SEARCH_MS = 60_000

export interface MenderParts {
  readonly clock: Clock
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly peers: { isUp(id: string): boolean }
  /** The engine can take tables out. */
  readonly canMend: boolean
}

export class Mender {
  readonly #parts: MenderParts
  #nextMs = 0
  #pauseMs = AGAIN_MS
  #searchMs = 0
  #rowsDamaged: number
  #waits = false
  /** How many tables had been taken out before the last attempt; undefined: there was none. */
  #mendedBefore: number | undefined

  constructor(parts: MenderParts) {
    this.#parts = parts
    this.#rowsDamaged = parts.guard.stats.rowsDamaged
  }

  tick(nowMs: number): void {
    const { guard, log, canMend } = this.#parts
    if (!canMend || guard.state !== 'open') return
    const { tablesDamaged, rowsDamaged } = guard.stats
    if (tablesDamaged === 0) {
      this.#waits = false
      if (rowsDamaged > this.#rowsDamaged && nowMs >= this.#searchMs) this.#search(nowMs, rowsDamaged)
      return
    }
    // What could not be mended once is for a person: each attempt makes this node one that lost rows.
    const isHopeless = this.#mendedBefore === guard.stats.tablesMended
    if (isHopeless || nowMs < this.#nextMs) return
    this.#nextMs = nowMs + LOOK_MS
    if (this.#canBeSpared()) this.#mend(nowMs)
    else if (!this.#waits) {
      this.#waits = true
      log.info('mending-waits', {
        reason: 'reads need this node until the other owners of its keys are here',
      })
    }
  }

  /** Scanning one row makes the engine look at all its tables. */
  #search(nowMs: number, rowsDamaged: number): void {
    this.#searchMs = nowMs + SEARCH_MS
    this.#rowsDamaged = rowsDamaged
    this.#parts.guard.scan({ from: NOTHING, maxRows: 1, maxBytes: 1 }, () => {})
  }

  /** Every read of this node's keys finds its quorum among the others; or this node counts for no read already. */
  #canBeSpared(): boolean {
    const { membership, peers } = this.#parts
    const { ring, self, state, own } = membership
    const isSound = (id: string) => peers.isUp(id) && factsOf(state, id)?.incomplete !== true
    return ring.owners.every((owners) => {
      const others = owners.filter((owner) => owner !== self)
      if (others.length === owners.length) return true
      if (others.length === 0) return false
      return own.incomplete || others.filter(isSound).length >= Math.min(quorum(ring.n), others.length)
    })
  }

  #mend(nowMs: number): void {
    const { guard, membership, log } = this.#parts
    this.#nextMs = nowMs + this.#pauseMs
    this.#pauseMs = Math.min(LONGEST_AGAIN_MS, this.#pauseMs * 2)
    const { self, own, encoded } = membership
    const bootBase = own.boot - guard.boot
    const storage = speaksOf(own).storage.min
    const identity = encodeIdentity({ nodeId: self, name: own.name, bootBase, storage })
    const records: WriteOperation[] = [
      { type: 'system', name: RECORDS.identity, value: identity },
      { type: 'system', name: RECORDS.membership, value: encoded },
      { type: 'system', name: RECORDS.trees, value: INDEX_HAS_GAPS },
    ]
    guard.write(records, (fault) => {
      if (fault === undefined) {
        this.#mendedBefore = guard.stats.tablesMended
        guard.mend()
      } else log.warn('mending-put-off', { reason: fault.message })
    })
  }
}

const NOTHING = new Uint8Array(0)
