/** Performs what membership asks for: writes its state before it is adopted, tells peers, keeps the connections that it calls for. */

import { limits } from '../limits.js'
import type { Clock } from '../ports/clock.js'
import type { Log } from '../ports/log.js'
import type { Hello, Network } from '../ports/network.js'
import type { Random } from '../ports/random.js'
import type { Scheduler } from '../ports/scheduler.js'
import type { BucketProperties } from '../protocol/membership/buckets.js'
import type { Membership, MembershipEffect } from '../protocol/membership/membership.js'
import { farewell } from '../protocol/membership/replacement.js'
import type { SponsorView } from '../protocol/membership/sponsor.js'
import { Sponsor } from '../protocol/membership/sponsor.js'
import type { MemberFacts } from '../protocol/membership/state.js'
import { type ClusterState, presentMembers, removed } from '../protocol/membership/state.js'
import type { Message } from '../wire/messages.js'
import { FIRST, SPEAKS, type Speaks, WIRE_OF_NEWS } from '../wire/versions.js'
import { MembershipChanges } from './changes.js'
import type { StorageGuard } from './guard/index.js'
import type { StartFailure } from './options.js'
import type { Outbox } from './outbox.js'
import type { Peers } from './peers.js'
import { RECORDS } from './records.js'
import type { Replica } from './replica.js'
import { Seeds } from './seeds.js'
import { someOf } from './some-of.js'
import { Versions } from './versions.js'

const PERSIST_AGAIN_MS = 500
/** Between the last word of a node that leaves and its end, if somebody has heard it; else it waits as long again. */
const GOODBYE_MS = 1_000

export interface KeeperParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly scheduler: Scheduler
  readonly network: Network
  readonly guard: StorageGuard
  readonly membership: Membership
  readonly peers: Peers
  readonly outbox: Outbox
  readonly replica: Replica
  /** The versions that this node speaks; undefined: what this build does. */
  readonly speaks: Speaks | undefined
  /** Addresses of other members, or of what may be one. */
  readonly seeds: readonly string[]
  readonly seedsAfterMs: number | undefined
  wake(): void
  adopted(ringChanged: boolean): void
  confirmed(): void
  fatal(failure: StartFailure): void
}

export class Keeper {
  readonly #parts: KeeperParts
  readonly #sponsor: Sponsor
  /** What operators ask for. */
  readonly changes: MembershipChanges
  readonly versions: Versions
  readonly #seeds: Seeds
  #stopped = false
  #isSayingGoodbye = false

  constructor(parts: KeeperParts) {
    this.#parts = parts
    this.#sponsor = new Sponsor(parts.membership)
    const { membership, clock, log, peers } = parts
    const newId = () => Buffer.from(parts.random.bytes(16)).toString('hex')
    const offer = (state: ClusterState) => this.offer(state)
    this.changes = new MembershipChanges({ membership, clock, log, peers, newId, offer })
    const { speaks = SPEAKS, seeds: addresses, seedsAfterMs: afterMs } = parts
    this.#seeds = new Seeds({ ...parts, addresses, afterMs })
    membership.understandsNews = (peer) => this.versions.wireTowards(peer) >= WIRE_OF_NEWS
    this.versions = new Versions({ ...parts, speaks, describe: (now) => this.describeSelf({ speaks: now }) })
  }

  get holdsWrites(): boolean {
    return this.#sponsor.holdsWrites
  }

  /** Opens the connections that the adopted state calls for; a member alone needs nobody to confirm who it is. */
  begin(freshlyJoined: boolean, forgotOthers: boolean): void {
    const { membership, guard } = this.#parts
    this.#connect()
    if (membership.hasLeft) this.#goodbye()
    if (membership.ring.members.length > 1) guard.sharedWithOthers()
    if (forgotOthers) return
    const alone = presentMembers(this.#parts.membership.state).length === 1
    if (alone || freshlyJoined) this.#run((out) => this.#parts.membership.confirm(out))
  }

  stop(): void {
    this.#stopped = true
  }

  peerUp(peer: string, hello: Hello): void {
    this.versions.peerUp(hello)
    if (!this.#parts.peers.isStranger(peer)) this.#run((out) => this.#parts.membership.greet(peer, out))
  }

  peerDown(peer: string): void {
    this.#run((out) => this.#sponsor.peerDown(peer, out))
  }

  tick(nowMs: number): void {
    const { membership, peers, random, clock } = this.#parts
    this.changes.expire(nowMs)
    this.versions.look()
    this.#seeds.tick(nowMs)
    this.#run((out) => {
      membership.tick(nowMs, peers.ids, random.below(0x1_0000_0000), out)
      this.#sponsor.tick(nowMs, clock.wallMs(), out)
    })
  }

  /** What this node has found out, or was asked to record. In force when it is on the disk. */
  offer(state: ClusterState): void {
    this.#run((out) => this.#parts.membership.offer(state, out))
  }

  describeSelf(change: Partial<MemberFacts>): void {
    this.#run((out) => this.#parts.membership.describeSelf(change, out))
  }

  /** Sets or drops what an operator wants for a bucket; the stamp of the change. */
  setBucket(bucket: string, properties: BucketProperties | undefined): number {
    let stamp = 0
    this.#run((out) => {
      stamp = this.#parts.membership.setBucket(bucket, properties, out)
    })
    return stamp
  }

  /** From a peer that counts by other lists of owners: takes its state over and tells it what it lacks. True when a state is about to be adopted that says more than the one in force. */
  learn(from: string, state: Uint8Array): boolean {
    const { membership } = this.#parts
    this.#run((out) => membership.compareWith(from, state, out))
    return membership.isAdopting
  }

  message(from: string, message: Message): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const view = this.#view()
    this.#run((out) => {
      switch (message.type) {
        case 20:
        case 21:
        case 27:
        case 28:
          this.#parts.membership.message(from, message, out)
          return
        case 22:
          this.#sponsor.request(from, message, view, nowMs, out)
          return
        case 24: {
          const verdict = this.#sponsor.prepare(message.nodeId, message.ring, view, nowMs)
          const state = verdict === 'stale' ? this.#parts.membership.encoded : EMPTY
          out.push({ kind: 'tell', to: from, message: { type: 25, id: message.id, verdict, state } })
          return
        }
        case 25:
          this.#sponsor.prepared(from, message, view, nowMs, out)
          return
        case 26:
          this.#sponsor.aborted(message.nodeId)
          return
        default:
      }
    })
  }

  #view(): SponsorView {
    const { replica, clock, peers } = this.#parts
    return {
      empty: replica.isEmpty,
      wallMs: clock.wallMs(),
      isUp: (peer) => peers.isConnected(peer),
      speaks: (peer) => spoken(peers.helloOf(peer)),
    }
  }

  #run(step: (out: MembershipEffect[]) => void): void {
    const out: MembershipEffect[] = []
    step(out)
    for (const effect of out) this.#perform(effect)
    this.#parts.wake()
  }

  #perform(effect: MembershipEffect): void {
    const { outbox } = this.#parts
    switch (effect.kind) {
      case 'persist':
        this.#persist(effect.state)
        return
      case 'adopted':
        this.#adopted(effect.ringChanged)
        return
      case 'tell':
        outbox.post(effect.to, 'control', effect.message)
        return
      case 'spread':
        this.#spread(effect.state, effect.news)
        return
      case 'superseded':
        this.#superseded(effect.boot)
        return
      case 'confirmed':
        this.#parts.confirmed()
        return
      default:
        effect satisfies never
    }
  }

  #spread(state: Message, news: () => Message): void {
    const { outbox, peers, random, membership } = this.#parts
    for (const peer of peers.ids) if (!membership.understandsNews(peer)) outbox.post(peer, 'control', state)
    const others = peers.ids.filter((peer) => membership.understandsNews(peer))
    const partners = someOf(others, limits.gossipPartners, random)
    if (partners.length === 0) return
    const message = news()
    for (const peer of partners) outbox.post(peer, 'control', message)
  }

  #persist(state: Uint8Array): void {
    const { guard, membership, scheduler, log } = this.#parts
    guard.write([{ type: 'system', name: RECORDS.membership, value: state }], (fault) => {
      if (this.#stopped) return
      if (fault === undefined) this.#run((out) => membership.persisted(out))
      else {
        log.warn('membership-not-written', { reason: fault.message })
        scheduler.after(PERSIST_AGAIN_MS, () => this.#persist(state))
      }
    })
  }

  #adopted(ringChanged: boolean): void {
    const { membership, log, guard } = this.#parts
    this.#connect()
    this.versions.adopted()
    const own = membership.state.facts.find(({ id }) => id === membership.self)
    // What the storage lost is now on the disk as this node's own fact: the guard need not tell it again.
    if (own?.incomplete === true) guard.lossRecorded()
    if (removed(membership.state).includes(membership.self)) {
      this.#parts.fatal({ kind: 'removed', message: farewell(membership.state, membership.self) })
      return
    }
    if (membership.hasLeft) this.#goodbye()
    if (membership.ring.members.length > 1) guard.sharedWithOthers()
    if (ringChanged)
      log.info('ring-changed', { members: membership.ring.members.length, n: membership.ring.n })
    this.#run((out) => this.#sponsor.adopted(out))
    this.#parts.adopted(ringChanged)
    this.changes.adopted()
  }

  /** This node has left. Were nobody to know it when it ends, the others would wait for it for ever. */
  #goodbye(): void {
    this.#parts.replica.retire()
    if (this.#isSayingGoodbye) return
    this.#isSayingGoodbye = true
    this.#endWhenHeard()
  }

  #endWhenHeard(): void {
    const { membership, scheduler, log, fatal } = this.#parts
    scheduler.after(GOODBYE_MS, () => {
      if (this.#stopped) return
      if (membership.isKnownToHaveLeft) return fatal({ kind: 'left', message: LEFT })
      log.warn('leaving-unheard', { peers: this.#parts.peers.ids.length })
      this.#endWhenHeard()
    })
  }

  #connect(): void {
    const { membership, network } = this.#parts
    const others = presentMembers(membership.state).filter(({ id }) => id !== membership.self)
    // A machine that has not come yet has no address.
    const dialled = others.filter(({ peerAddress }) => peerAddress !== '')
    network.setPeers(dialled.map(({ id, peerAddress }) => ({ id, address: peerAddress })))
    this.#parts.outbox.keepOnly(new Set(others.map(({ id }) => id)))
  }

  #superseded(boot: number): void {
    const { membership } = this.#parts
    const message = `Other members have seen start ${boot} of this node, and this directory knows only ${membership.own.boot}: it is an old copy, or another process runs under its identity.`
    const join = presentMembers(membership.state)
      .filter(({ id, peerAddress }) => id !== membership.self && peerAddress !== '')
      .map(({ peerAddress }) => peerAddress)
    this.#parts.fatal({ kind: 'superseded', message, join })
  }
}

const EMPTY = new Uint8Array(0)

function spoken(hello: Hello | undefined): Speaks {
  if (hello === undefined) return FIRST
  const { wireMin, wireMax, storageMin, storageMax } = hello
  return { wire: { min: wireMin, max: wireMax }, storage: { min: storageMin, max: storageMax } }
}

const LEFT = 'This node has left the cluster: all that it held is with other members.'
