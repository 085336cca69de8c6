/**
 * One node's copy of the membership: what it has adopted, what it is about to, and how it hears of what others know (paper 4.8.1).
 *
 * Nothing is acted upon or passed on before it is on this node's disk: a state is first persisted, then adopted, then told. Every second
 * one random peer is asked to compare digests; a change is told to everybody at once.
 */
import { WireError } from '../../wire/bytes.js'
import type { Message } from '../../wire/messages.js'
import { type BucketProperties, bucketProperties, nextRegister } from './buckets.js'
import { type Heard, HeardStates } from './heard.js'
import { Ring } from './ring.js'
import type { ClusterState, MemberFacts } from './state.js'
import { factsOf, mergeStates, removed, withBucket, withFacts } from './state.js'
import { encodeState, stateDigest } from './state-codec.js'

const GOSSIP_EVERY_MS = 1000

export type MembershipEffect =
  /** Write these bytes, then call `persisted`. One at a time. */
  | { readonly kind: 'persist'; readonly state: Uint8Array }
  /** A new state is in force; `ringChanged` when the placement table differs. */
  | { readonly kind: 'adopted'; readonly ringChanged: boolean }
  | { readonly kind: 'tell'; readonly to: string; readonly message: Message }
  | { readonly kind: 'tell-all'; readonly message: Message }
  /** Others know a later life of this identity: this directory is an old copy, or somebody else has taken the identity over. */
  | { readonly kind: 'superseded'; readonly boot: number }
  /** A peer was heard that knows no later life of this identity than this one. */
  | { readonly kind: 'confirmed' }

export class Membership {
  readonly self: string
  #adopted: ClusterState
  #ring: Ring
  #buckets: ReadonlyMap<string, BucketProperties>
  #encoded: Uint8Array
  #digest: Uint8Array
  readonly #heard = new HeardStates()
  /** Merged but not adopted: being written, and to be written next. */
  #writing: ClusterState | undefined
  #next: ClusterState | undefined
  /** Own facts, told once a peer has confirmed that they are the latest (or at once in a cluster of one). */
  #own: MemberFacts
  #confirmed = false
  #isKnownToHaveLeft = false
  #gossipAtMs = 0

  constructor(adopted: ClusterState, own: MemberFacts) {
    this.self = own.id
    this.#adopted = adopted
    this.#own = own
    this.#ring = new Ring(adopted)
    this.#buckets = bucketProperties(adopted.buckets)
    this.#encoded = encodeState(adopted)
    this.#digest = stateDigest(adopted)
    this.#heard.own(this.#encoded, adopted)
  }

  get state(): ClusterState {
    return this.#adopted
  }

  /** The state in force and all that is about to be: what is decided anew has to go beyond it. */
  get latest(): ClusterState {
    return this.#next ?? this.#writing ?? this.#adopted
  }

  get ring(): Ring {
    return this.#ring
  }

  /** What is set for buckets, by their bytes with one character each. */
  get buckets(): ReadonlyMap<string, BucketProperties> {
    return this.#buckets
  }

  get encoded(): Uint8Array {
    return this.#encoded
  }

  /** 16 bytes over the state in force, facts and all. */
  get digest(): Uint8Array {
    return this.#digest
  }

  get own(): MemberFacts {
    return this.#own
  }

  get confirmed(): boolean {
    return this.#confirmed
  }

  /** It has heard, and is about to adopt, that it was removed or replaced: nobody is served from what it holds. */
  get isOut(): boolean {
    const ahead = this.#next ?? this.#writing
    return ahead !== undefined && removed(ahead).includes(this.self)
  }

  /** This node has recorded that it left. */
  get hasLeft(): boolean {
    return hasLeft(this.#adopted, this.self)
  }

  /** A peer has it on its disk that this node left, and will tell the others. */
  get isKnownToHaveLeft(): boolean {
    return this.#isKnownToHaveLeft
  }

  /** Merges `state` into what this node knows. False when nothing new was in it. */
  offer(state: ClusterState, out: MembershipEffect[]): boolean {
    const base = this.latest
    const merged = mergeStates(base, state)
    if (Buffer.compare(encodeState(merged), encodeState(base)) === 0) return false
    this.#next = merged
    this.#persistNext(out)
    return true
  }

  /** Sets a bucket's properties, or drops them (undefined). The stamp: it is in force here when the adopted state has that one, or a later one. */
  setBucket(bucket: string, properties: BucketProperties | undefined, out: MembershipEffect[]): number {
    const known = this.latest
    const register = nextRegister(known.buckets, this.self, bucket, properties)
    this.offer(withBucket(known, register), out)
    return register.stamp
  }

  /** The state given out with `persist` is on the disk. */
  persisted(out: MembershipEffect[]): void {
    const before = this.#ring.digest
    this.#adopted = this.#writing!
    this.#writing = undefined
    this.#ring = new Ring(this.#adopted, this.#ring)
    this.#buckets = bucketProperties(this.#adopted.buckets)
    this.#encoded = encodeState(this.#adopted)
    this.#digest = stateDigest(this.#adopted)
    this.#heard.own(this.#encoded, this.#adopted)
    const ringChanged = before.high !== this.#ring.digest.high || before.low !== this.#ring.digest.low
    out.push({ kind: 'adopted', ringChanged })
    out.push({ kind: 'tell-all', message: this.#stateMessage(false) })
    this.#persistNext(out)
  }

  /** This node's own facts changed (start, fence, rebuilt): they count on in revisions of this boot. */
  describeSelf(change: Partial<MemberFacts>, out: MembershipEffect[]): void {
    this.#own = { ...this.#own, ...change, revision: this.#own.revision + 1 }
    if (this.#confirmed) this.offer(withFacts(this.#adopted, this.#own), out)
  }

  /** No peer need confirm (a cluster of one, or one that was just joined). */
  confirm(out: MembershipEffect[]): void {
    if (this.#confirmed) return
    this.#confirmed = true
    out.push({ kind: 'confirmed' })
    this.offer(withFacts(this.#adopted, this.#own), out)
  }

  /** Call often; `chance` is a random integer, `peers` are those connected. */
  tick(nowMs: number, peers: readonly string[], chance: number, out: MembershipEffect[]): void {
    if (nowMs < this.#gossipAtMs || peers.length === 0) return
    this.#gossipAtMs = nowMs + GOSSIP_EVERY_MS
    this.greet(peers[chance % peers.length]!, out)
  }

  /** Compares notes with one peer: also the first thing said on a new connection. */
  greet(peer: string, out: MembershipEffect[]): void {
    out.push({ kind: 'tell', to: peer, message: { type: 20, id: 0, digest: this.#digest } })
  }

  /** Throws WireError when the peer sent nonsense. */
  message(from: string, message: Message, out: MembershipEffect[]): void {
    if (message.type === 20) {
      const same = Buffer.compare(message.digest, this.#digest) === 0
      if (same) this.#peerKnowsNothingLater(this.#adopted, out)
      else out.push({ kind: 'tell', to: from, message: this.#stateMessage(false) })
    } else if (message.type === 21) this.learn(from, message.state, message.final, out)
  }

  /** A peer's whole state. Unless it was its last word, it gets ours back where that says more. */
  learn(from: string, bytes: Uint8Array, final: boolean, out: MembershipEffect[]): boolean {
    const heard = this.#heard.of(bytes)
    const theirs = heard.state
    if (theirs.birth.clusterId !== this.#adopted.birth.clusterId)
      throw new WireError('the state of another cluster')
    if (this.#isSuperseded(theirs, out)) return false
    this.#peerKnowsNothingLater(theirs, out)
    const news = !heard.isKnown && this.offer(theirs, out)
    heard.isKnown = true
    if (!final && !news && this.#theyLack(heard))
      out.push({ kind: 'tell', to: from, message: this.#stateMessage(true) })
    return news
  }

  /** Something of the state in force here. */
  #theyLack(heard: Heard): boolean {
    const adopted = this.#adopted
    // It is known here, and all that is known is in force.
    if (this.#writing === undefined && this.#next === undefined)
      return Buffer.compare(this.#encoded, heard.bytes) !== 0
    if (heard.lack?.of !== adopted) {
      const theyLack = Buffer.compare(encodeState(mergeStates(adopted, heard.state)), heard.bytes) !== 0
      heard.lack = { of: adopted, theyLack }
    }
    return heard.lack.theyLack
  }

  #isSuperseded(theirs: ClusterState, out: MembershipEffect[]): boolean {
    const seen = factsOf(theirs, this.self)
    if (seen === undefined) return false
    const { boot, session } = this.#own
    const later = seen.boot > boot || (seen.boot === boot && seen.session !== session)
    if (later) out.push({ kind: 'superseded', boot: seen.boot })
    return later
  }

  #peerKnowsNothingLater(theirs: ClusterState, out: MembershipEffect[]): void {
    if (hasLeft(theirs, this.self)) this.#isKnownToHaveLeft = true
    if (factsOf(theirs, this.self) !== undefined) this.confirm(out)
  }

  #stateMessage(final: boolean): Message {
    return { type: 21, id: 0, final, state: this.#encoded }
  }

  #persistNext(out: MembershipEffect[]): void {
    if (this.#writing !== undefined || this.#next === undefined) return
    this.#writing = this.#next
    this.#next = undefined
    out.push({ kind: 'persist', state: encodeState(this.#writing) })
  }
}

function hasLeft(state: ClusterState, member: string): boolean {
  return state.moves?.left.includes(member) === true
}
