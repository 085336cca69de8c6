/** The versions in use at this node, and the nodes that it does not talk to because theirs are others, or because they are of another cluster. */
import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Hello } from '../ports/network.js'
import type { Membership } from '../protocol/membership/membership.js'
import { presentMembers } from '../protocol/membership/state.js'
import {
  asFacts,
  isOddOneOut,
  readableByAll,
  speaksOf,
  type VersionsInUse,
  versionsInUse,
} from '../protocol/membership/versions.js'
import { highestCommon, type Speaks } from '../wire/versions.js'
import type { RefusedNode } from './cluster-view.js'
import type { StorageGuard } from './guard/index.js'
import type { StartFailure } from './options.js'
import type { Peers } from './peers.js'
import { encodeIdentity, RECORDS } from './records.js'

export interface VersionsParts {
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly peers: Peers
  readonly speaks: Speaks
  /** Tells the others what this node speaks from now on. */
  describe(speaks: Speaks): void
  fatal(failure: StartFailure): void
}

interface Refused extends RefusedNode {
  readonly atMs: number
}

export class Versions {
  readonly #parts: VersionsParts
  #inUse: VersionsInUse
  /** A storage version that all members could read and that this directory has not recorded yet. */
  #next = 0
  #writing = false
  #wasHeard = false
  /** By node id, the latest last. */
  readonly #refused = new Map<string, Refused>()

  constructor(parts: VersionsParts) {
    this.#parts = parts
    this.#inUse = versionsInUse(parts.membership.state, this.#own)
  }

  get inUse(): VersionsInUse {
    return this.#inUse
  }

  get #own(): Speaks {
    return speaksOf(this.#parts.membership.own)
  }

  /** The wire version to use towards this peer: the one in use, or a lower one if its build has become an earlier one since it was last heard. */
  wireTowards(peer: string): number {
    const hello = this.#parts.peers.helloOf(peer)
    if (hello === undefined) return this.#own.wire.min
    const theirs = { min: hello.wireMin, max: hello.wireMax }
    return Math.min(this.#inUse.wire, highestCommon(this.#own.wire, theirs) ?? this.#own.wire.min)
  }

  /** Call when another membership state is in force. */
  adopted(): void {
    const { membership, log } = this.#parts
    const before = this.#inUse
    const now = versionsInUse(membership.state, this.#own, before)
    this.#next = readableByAll(membership.state, this.#own)
    if (now.wire === before.wire && now.storage === before.storage) return
    this.#inUse = now
    log.info('versions-in-use', { wire: now.wire, storage: now.storage })
  }

  peerUp(hello: Hello): void {
    if (hello.clusterId !== '') this.#wasHeard = true
    this.#refused.delete(hello.nodeId)
  }

  /** Call often: records the storage version that is to come, when every other member is there and can read it. */
  look(): void {
    const { membership, peers, guard } = this.#parts
    const version = this.#next
    if (version <= this.#own.storage.min || this.#writing || !membership.confirmed) return
    const others = presentMembers(membership.state).filter(({ id }) => id !== membership.self)
    if (!others.every(({ id }) => (peers.helloOf(id)?.storageMax ?? 0) >= version)) return
    this.#writing = true
    const { own, self } = membership
    const identity = { nodeId: self, name: own.name, bootBase: own.boot - guard.boot, storage: version }
    guard.write([{ type: 'system', name: RECORDS.identity, value: encodeIdentity(identity) }], (fault) => {
      this.#writing = false
      if (fault === undefined) this.#recorded(version)
    })
  }

  #recorded(version: number): void {
    const { log, speaks, describe } = this.#parts
    log.info('storage-version-recorded', { storage: version })
    const told = asFacts(speaks, version).speaks
    if (told !== undefined) describe(told)
  }

  /** A node that knows the secret and this one do not talk to each other. */
  refused(hello: Hello, why: RefusedNode['why'], reason: string): void {
    const { nodeId: id, name, peerAddress, build } = hello
    this.#refused.delete(id)
    this.#refused.set(id, {
      id,
      name,
      peerAddress,
      build,
      why,
      reason,
      atMs: this.#parts.clock.monotonicMs(),
    })
    const [oldest] = this.#refused.keys()
    if (this.#refused.size > limits.refusedNodes && oldest !== undefined) this.#refused.delete(oldest)
    if (why === 'no-common-version') this.#endIfOdd(reason)
  }

  /** Those of the last minutes. */
  get refusedNodes(): readonly RefusedNode[] {
    const sinceMs = this.#parts.clock.monotonicMs() - limits.refusedNodeMs
    return [...this.#refused.values()].filter(({ atMs }) => atMs >= sinceMs)
  }

  #endIfOdd(reason: string): void {
    const { membership, fatal } = this.#parts
    const others = presentMembers(membership.state).filter(({ id }) => id !== membership.self)
    const refusing = others.filter(({ id }) => this.#refused.get(id)?.why === 'no-common-version')
    if (!isOddOneOut(others.length, refusing.length, this.#wasHeard)) return
    const message = `Most members of the cluster and this node have no version in common. ${reason}. Its data directory is untouched: start it with a build that they can talk to.`
    fatal({ kind: 'fault', message })
  }
}
