/**
 * One node's copy of the membership: what it has adopted, what it is about to, and how it hears of what others know (paper 4.8.1).
 *
 * Nothing is acted upon or passed on before it is on this node's disk: a state is first persisted, then adopted, then told. Every second
 * one random peer is asked to compare digests; a change is told at once: to some peers what is new in it (news.ts), who tell others in turn, or, where
 * they do not understand that yet (wire version 1), to everybody the whole state.
 */
import { WireError } from '../../wire/bytes.js'
import type { GossipNews, Message } from '../../wire/messages.js'
import { type BucketProperties, bucketProperties, nextRegister } from './buckets.js'
import { type Heard, HeardStates } from './heard.js'
import { decodeNews, encodeNews, learnt, type News, newsFor, rumour } from './news.js'
import { Ring } from './ring.js'
import { Rumours } from './rumours.js'
import type { ClusterState, MemberFacts } from './state.js'
import { factsOf, mergeStates, removed, withBucket, withFacts } from './state.js'
import { encodeState, stateDigest } from './state-codec.js'
import { decodeSummary, encodeSummary, type Summary, sumsOf } from './sums.js'
import { sameDigest } from './table.js'

const GOSSIP_EVERY_MS = 1000
const NO_SUMMARY = new Uint8Array(0)
const NO_NEWS: News = { complete: true, facts: [], buckets: [], ring: undefined }

export type MembershipEffect =
  /** Write these bytes, then call `persisted`. One at a time. */
  | { readonly kind: 'persist'; readonly state: Uint8Array }
  /** A new state is in force; `ringChanged` when the placement table differs. */
  | { readonly kind: 'adopted'; readonly ringChanged: boolean }
  | { readonly kind: 'tell'; readonly to: string; readonly message: Message }
  /** Something was adopted: `news` for some of those who understand it, `state` for all who do not. */
  | { readonly kind: 'spread'; readonly state: Message; readonly news: () => Message }
  /** Others know a later life of this identity: this directory is an old copy, or somebody else has taken the identity over. */
  | { readonly kind: 'superseded'; readonly boot: number }
  /** A peer was heard that knows no later life of this identity than this one. */
  | { readonly kind: 'confirmed' }

export class Membership {
  readonly self: string
  /** Whether a peer understands news. */
  understandsNews: (peer: string) => boolean = () => false
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
  /** The same rumour comes from several sides; what was merged once need not be merged again. */
  readonly #rumours = new Rumours()

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

  /** A state is on its way to the disk, and will be in force when it is there. */
  get isAdopting(): boolean {
    return this.#writing !== undefined
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
    const [old, now] = [this.#adopted, this.#writing!]
    this.#adopted = now
    this.#writing = undefined
    this.#ring = new Ring(this.#adopted, this.#ring)
    this.#buckets = bucketProperties(this.#adopted.buckets)
    this.#encoded = encodeState(this.#adopted)
    this.#digest = stateDigest(this.#adopted)
    this.#heard.own(this.#encoded, this.#adopted)
    const ringChanged = before.high !== this.#ring.digest.high || before.low !== this.#ring.digest.low
    out.push({ kind: 'adopted', ringChanged })
    out.push({ kind: 'spread', state: this.#stateMessage(false), news: () => newsMessage(rumour(old, now)) })
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
      else if (this.understandsNews(from)) this.#ask(from, out)
      else out.push({ kind: 'tell', to: from, message: this.#stateMessage(false) })
    } else if (message.type === 21) this.learn(from, message.state, message.final, out)
    else if (message.type === 27) this.#compare(from, decodeSummary(message.summary), out)
    else if (message.type === 28) this.#hear(from, message, out)
  }

  /** Shows a peer in short what is known here. */
  #ask(peer: string, out: MembershipEffect[]): void {
    const summary = encodeSummary(sumsOf(this.#adopted))
    out.push({ kind: 'tell', to: peer, message: { type: 27, id: 0, summary } })
  }

  /** Also where the peer lacks nothing: then it is this node that does. */
  #compare(peer: string, theirs: Summary, out: MembershipEffect[]): void {
    const news = newsFor(this.#adopted, theirs) ?? NO_NEWS
    const summary = encodeSummary(sumsOf(this.#adopted))
    out.push({ kind: 'tell', to: peer, message: { ...newsMessage(news), summary } })
  }

  #hear(from: string, message: GossipNews, out: MembershipEffect[]): void {
    if (message.summary.length === 0 && this.#rumours.has(message.news)) return
    const news = decodeNews(message.news)
    if (this.#isSuperseded(news.facts, out)) return
    if (news.ring?.moves.left.includes(this.self) === true) this.#isKnownToHaveLeft = true
    const heard = learnt(this.#adopted, news)
    this.offer(heard.state, out)
    if (!heard.lacks) this.#rumours.add(message.news)
    if (message.summary.length > 0) this.#answer(from, decodeSummary(message.summary), out)
    else if (heard.lacks) this.#ask(from, out)
  }

  /** The peer has told what is missing here, and what it knows: what it lacks in turn. */
  #answer(peer: string, theirs: Summary, out: MembershipEffect[]): void {
    const own = factsOf(this.#adopted, this.self)
    // It knows this node as it is known here, or has just told otherwise.
    const mine = sumsOf(this.#adopted)
    if (this.hasLeft && sameDigest(mine.moves, theirs.moves)) this.#isKnownToHaveLeft = true
    if (own !== undefined && !mine.mayLack(theirs, own)) this.confirm(out)
    const known = this.#next ?? this.#writing ?? this.#adopted
    const news = newsFor(this.#adopted, theirs, known)
    if (news !== undefined) out.push({ kind: 'tell', to: peer, message: newsMessage(news) })
  }

  /** A peer's whole state. Unless it was its last word, it gets ours back where that says more. */
  learn(from: string, bytes: Uint8Array, final: boolean, out: MembershipEffect[]): boolean {
    const heard = this.#heard.of(bytes)
    const theirs = heard.state
    if (theirs.birth.clusterId !== this.#adopted.birth.clusterId)
      throw new WireError('the state of another cluster')
    if (this.#isSuperseded(theirs.facts, out)) return false
    this.#peerKnowsNothingLater(theirs, out)
    const news = !heard.isKnown && this.offer(theirs, out)
    heard.isKnown = true
    if (!final && !news && this.#theyLack(heard))
      out.push({ kind: 'tell', to: from, message: this.#stateMessage(true) })
    return news
  }

  /** From a peer that counts by other lists of owners: takes its state over, and tells it at once what it lacks. */
  compareWith(from: string, bytes: Uint8Array, out: MembershipEffect[]): void {
    this.learn(from, bytes, true, out)
    if (this.#theyLack(this.#heard.of(bytes)))
      out.push({ kind: 'tell', to: from, message: this.#stateMessage(true) })
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

  #isSuperseded(theirs: readonly MemberFacts[], out: MembershipEffect[]): boolean {
    const seen = theirs.find(({ id }) => id === this.self)
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

function newsMessage(news: News): GossipNews {
  return { type: 28, id: 0, summary: NO_SUMMARY, news: encodeNews(news) }
}
