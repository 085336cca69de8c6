/**
 * Letting a node in. Any member can be asked; it becomes the newcomer's sponsor for this one conversation.
 *
 * While the cluster is empty a new name joins at once, and owns its share from the first moment. The sponsor asks every member; each confirms that it holds
 * nothing and holds client writes back until it hears the outcome (the new state, an abort, or the lapse of its promise). A promise that lapses voids the
 * newcomer for good: its sponsor may have recorded the change and died before telling anybody.
 *
 * Where somebody holds rows, nobody is asked and nothing is held back: the sponsor records the change, and the newcomer is given its share of them before it is
 * read (decision 44).
 *
 * A known name with an empty directory is that member come back without its disk, if nobody hears the old one any more: it gets the
 * old identity, counts its boots on, and is marked incomplete until it has been filled from the other owners. A newcomer that asks for the place of a dead member
 * gets that under an identity of its own (replacement.ts).
 */
import { objectDigest } from '../../kernel/index.js'
import type { JoinAnswer, JoinPrepared, JoinRequest, Place } from '../../wire/messages.js'
import type { Speaks } from '../../wire/versions.js'
import type { Membership, MembershipEffect } from './membership.js'
import { alive, isInPlace, MOVING, vacant, withReplacement } from './replacement.js'
import { sameDigest } from './ring.js'
import type { ClusterState, MemberFacts } from './state.js'
import {
  departed,
  factsOf,
  isAwaited,
  isLater,
  nextChange,
  presentMembers,
  withChange,
  withChangeOfNothing,
  withFacts,
} from './state.js'
import { asFacts } from './versions.js'

const ROUND_MS = 3000
const PROMISE_MS = 10_000

/** What the sponsor must know of its own node. */
export interface SponsorView {
  /** No row is here and no write is under way. */
  readonly empty: boolean
  readonly wallMs: number
  isUp(peer: string): boolean
  /** What a connected node said that it speaks. */
  speaks(peer: string): Speaks
}

interface Round {
  /** `new`: while nobody holds a row. `moving`: rows will have to move. `place`: it takes that of `old`. */
  readonly kind: 'new' | 'moving' | 'return' | 'place'
  readonly joiner: string
  readonly request: JoinRequest
  readonly waiting: Set<string>
  readonly asked: readonly string[]
  readonly untilMs: number
  readonly old: MemberFacts | undefined
  /** So that nobody takes the newcomer for an earlier build until it says so itself. */
  readonly speaks: Speaks
}

interface Grant {
  readonly round: Round
  readonly answer: JoinAnswer
  readonly facts: MemberFacts
}

export class Sponsor {
  readonly #membership: Membership
  #round: Round | undefined
  /** Accepted, but not yet on this node's disk. */
  #granted: Grant | undefined
  #promise: { nodeId: string; untilMs: number } | undefined

  constructor(membership: Membership) {
    this.#membership = membership
  }

  /** Client writes must wait: a member is being let in. */
  get holdsWrites(): boolean {
    return this.#promise !== undefined || this.#round?.kind === 'new' || this.#granted?.round.kind === 'new'
  }

  request(
    from: string,
    request: JoinRequest,
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    const state = this.#membership.state
    const present = presentMembers(state)
    if (present.some(({ id }) => id === request.nodeId)) {
      tell(out, from, request, 'accepted', '', request.nodeId, 0, this.#membership.encoded)
    } else if (departed(state).has(secondId(request.nodeId))) {
      tell(
        out,
        from,
        request,
        'refused',
        'This node was removed from the cluster; start it with an empty data directory.',
      )
    } else if (this.#round !== undefined || this.#granted !== undefined || this.#promise !== undefined) {
      tell(out, from, request, 'later', 'Another node is joining right now.')
    } else {
      const old = present.find(({ name }) => name === request.name)
      if (old?.incarnation === request.incarnation) {
        // The answer got lost on its way: the same newcomer asks again.
        tell(out, from, request, 'accepted', '', old.id, old.boot - request.boot, this.#membership.encoded)
      } else if (old === undefined && request.place !== undefined)
        this.#replace(from, request, request.place, present, view, nowMs, out)
      else if (old === undefined) this.#admit(from, request, present, view, nowMs, out)
      else if (request.place !== undefined && !isInPlace(state, old, request.place))
        tell(out, from, request, 'refused', namesake(request.name))
      else this.#readmit(from, request, old, present, view, nowMs, out)
    }
  }

  prepared(
    from: string,
    answer: JoinPrepared,
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    const round = this.#round
    if (round === undefined || !round.waiting.has(from)) return
    if (answer.verdict === 'stale') this.#membership.learn(from, answer.state, false, out)
    if (answer.verdict !== 'ready') {
      this.#giveUp(round, answer.verdict, view.wallMs, out)
      return
    }
    round.waiting.delete(from)
    if (round.waiting.size === 0) this.#grant(round, view, nowMs, out)
  }

  /** Another member sponsors a newcomer and asks: may it? For the id of a present member the question is whether that one is heard here. */
  prepare(
    nodeId: string,
    ring: { high: number; low: number },
    view: SponsorView,
    nowMs: number,
  ): JoinPrepared['verdict'] {
    if (presentMembers(this.#membership.state).some(({ id }) => id === nodeId)) {
      return view.isUp(nodeId) || nodeId === this.#membership.self ? 'busy' : 'ready'
    }
    const isVoid = departed(this.#membership.state).has(nodeId)
    if (isVoid || !sameDigest(ring, this.#membership.ring.digest)) return 'stale'
    if (this.#round !== undefined || this.#granted !== undefined) return 'busy'
    if (this.#promise !== undefined && this.#promise.nodeId !== nodeId) return 'busy'
    if (!view.empty) return 'data'
    this.#promise = { nodeId, untilMs: nowMs + PROMISE_MS }
    return 'ready'
  }

  aborted(nodeId: string): void {
    if (this.#promise?.nodeId === nodeId) this.#promise = undefined
  }

  /** What this member was asked may be lost: better begin anew than wait for an answer until the round's end. */
  peerDown(peer: string, out: MembershipEffect[]): void {
    if (this.#round?.waiting.has(peer) === true) this.#giveUp(this.#round, 'silent', 0, out)
  }

  /** A new state was adopted: what it decides is decided. */
  adopted(out: MembershipEffect[]): void {
    const state = this.#membership.state
    const decided = (id: string) => state.changes.some(({ member }) => member === id)
    if (this.#promise !== undefined && decided(this.#promise.nodeId)) this.#promise = undefined
    if (this.#granted !== undefined) this.#settle(this.#granted, out)
  }

  /** The newcomer hears of it once what was granted is on this disk; another life of it that was heard of meanwhile voids that. */
  #settle({ round, answer, facts }: Grant, out: MembershipEffect[]): void {
    const { state, encoded } = this.#membership
    const known = factsOf(state, facts.id)
    if (known?.incarnation === facts.incarnation) {
      this.#granted = undefined
      out.push({ kind: 'tell', to: round.joiner, message: { ...answer, state: encoded } })
    } else if (known !== undefined && isLater(known, facts)) {
      this.#granted = undefined
      tell(out, round.joiner, round.request, 'later', 'Something newer was heard of this member.')
    }
  }

  tick(nowMs: number, wallMs: number, out: MembershipEffect[]): void {
    if (this.#round !== undefined && nowMs >= this.#round.untilMs)
      this.#giveUp(this.#round, 'silent', wallMs, out)
    const promise = this.#promise
    if (promise === undefined || nowMs < promise.untilMs || this.#isDecided(promise.nodeId)) return
    this.#promise = undefined
    const { state, self } = this.#membership
    const removal = { kind: 'remove', member: promise.nodeId, weight: 1, zone: '' } as const
    this.#membership.offer(withChange(state, nextChange(state, self, removal, wallMs)), out)
  }

  /** This node has heard how it ended, and has only to write that down, which a full disk may hold up: nobody need be made void. */
  #isDecided(nodeId: string): boolean {
    return this.#membership.latest.changes.some(({ member }) => member === nodeId)
  }

  #admit(
    from: string,
    request: JoinRequest,
    present: readonly MemberFacts[],
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    if (this.#membership.ring.moving.size > 0) return tell(out, from, request, 'later', MOVING)
    if (!view.empty) return this.#begin('moving', from, request, undefined, [], view, nowMs, out)
    const others = present.filter(({ id }) => id !== this.#membership.self)
    const away = others.find(({ id }) => !view.isUp(id))
    if (away !== undefined)
      return tell(out, from, request, 'later', `Every member must be there; ${away.name} cannot be reached.`)
    this.#begin('new', from, request, undefined, others, view, nowMs, out)
  }

  #readmit(
    from: string,
    request: JoinRequest,
    old: MemberFacts,
    present: readonly MemberFacts[],
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    if (old.id === this.#membership.self || view.isUp(old.id))
      return tell(out, from, request, 'refused', taken(request.name))
    const others = present.filter(({ id }) => id !== this.#membership.self && id !== old.id && view.isUp(id))
    // Its last life may have been heard of and not be on this disk yet.
    const latest = factsOf(this.#membership.latest, old.id) ?? old
    // Another member has let this very newcomer in: a second time it would count its starts on from itself, and be taken for an old copy of what it never was.
    if (latest.incarnation === request.incarnation) return tell(out, from, request, 'later', IN_ALREADY)
    this.#begin('return', from, request, latest, others, view, nowMs, out)
  }

  /** Those that are up must not hear the old one either. */
  #replace(
    from: string,
    request: JoinRequest,
    place: Place,
    present: readonly MemberFacts[],
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    const old = vacant(this.#membership, place.of, view.isUp)
    if ('verdict' in old) return tell(out, from, request, old.verdict, old.reason)
    const others = present.filter(({ id }) => id !== this.#membership.self && id !== old.id && view.isUp(id))
    this.#begin('place', from, request, old, others, view, nowMs, out)
  }

  #begin(
    kind: Round['kind'],
    joiner: string,
    request: JoinRequest,
    old: MemberFacts | undefined,
    others: readonly MemberFacts[],
    view: SponsorView,
    nowMs: number,
    out: MembershipEffect[],
  ): void {
    const asked = others.map(({ id }) => id)
    const [waiting, untilMs, speaks] = [new Set(asked), nowMs + ROUND_MS, view.speaks(joiner)]
    this.#round = { kind, joiner, request, old, asked, waiting, untilMs, speaks }
    const nodeId = old?.id ?? this.#newId(kind, request)
    const message = { type: 24, id: 0, nodeId, ring: this.#membership.ring.digest } as const
    for (const to of asked) out.push({ kind: 'tell', to, message })
    if (asked.length === 0) this.#grant(this.#round, view, nowMs, out)
  }

  /**
   * A join of an empty cluster may be void: a promise for it can have lapsed at a member that is cut off and will tell of it later. One that lets rows in is
   * under another id, always the same, so that this never takes a member away that has some.
   */
  #newId(kind: Round['kind'], { nodeId }: JoinRequest): string {
    return kind === 'new' && !departed(this.#membership.state).has(nodeId) ? nodeId : secondId(nodeId)
  }

  #grant(round: Round, view: SponsorView, _nowMs: number, out: MembershipEffect[]): void {
    this.#round = undefined
    if (round.kind === 'new' && !view.empty) return this.#giveUp(round, 'data', view.wallMs, out)
    const isBack = round.kind === 'place' && view.isUp(round.old!.id)
    if (isBack) return this.#giveUp(round, 'busy', view.wallMs, out)
    this.#accept(round, view.wallMs, out)
  }

  #accept(round: Round, wallMs: number, out: MembershipEffect[]): void {
    this.#round = undefined
    const { request } = round
    const before = round.kind === 'return' ? round.old : undefined
    const nodeId = before?.id ?? this.#newId(round.kind, request)
    const answer = {
      type: 23,
      id: request.id,
      verdict: 'accepted',
      reason: '',
      nodeId,
      bootBase: before?.boot ?? 0,
      state: EMPTY,
    } as const
    const facts = newcomer(nodeId, round, before)
    this.#granted = { round, answer, facts }
    this.#membership.offer(this.#withNewcomer(round, facts, wallMs), out)
  }

  #withNewcomer({ kind, request, old }: Round, facts: MemberFacts, wallMs: number): ClusterState {
    const { state, self } = this.#membership
    if (kind === 'return') return withFacts(state, facts)
    const { weight, zone, place } = request
    if (old !== undefined) {
      const own = { ...(place?.weight ? {} : { weight }), ...(place?.zone ? {} : { zone }) }
      return withReplacement(state, self, { old: old.id, newcomer: facts, ...own }, wallMs)
    }
    const join = nextChange(state, self, { kind: 'join', member: facts.id, weight, zone }, wallMs)
    const joined = kind === 'new' ? withChangeOfNothing(state, join) : withChange(state, join)
    return withFacts(joined, facts)
  }

  #giveUp(
    round: Round,
    why: JoinPrepared['verdict'] | 'silent',
    wallMs: number,
    out: MembershipEffect[],
  ): void {
    if (why === 'data') this.#move(round, wallMs, out)
    else if (round.kind === 'return' && why === 'busy')
      this.#refuse(round, 'refused', taken(round.request.name), out)
    else if (round.kind === 'place' && why === 'busy')
      this.#refuse(round, 'refused', alive(round.request.place?.of ?? ''), out)
    else this.#refuse(round, 'later', 'The members could not all agree just now.', out)
  }

  /** Somebody holds rows: the others need hold nothing back. */
  #move(round: Round, wallMs: number, out: MembershipEffect[]): void {
    this.#abort(round, out)
    this.#accept({ ...round, kind: 'moving' }, wallMs, out)
  }

  #refuse(round: Round, verdict: 'later' | 'refused', reason: string, out: MembershipEffect[]): void {
    this.#round = undefined
    tell(out, round.joiner, round.request, verdict, reason)
    if (round.kind === 'new') this.#abort(round, out)
  }

  #abort({ asked, request }: Round, out: MembershipEffect[]): void {
    for (const to of asked)
      out.push({ kind: 'tell', to, message: { type: 26, id: 0, nodeId: request.nodeId } })
  }
}

const IN_ALREADY = 'Another member has let it in, which is on its way to the disk here.'
const EMPTY = new Uint8Array(0)

function taken(name: string): string {
  return `A member named ${name} is alive; names are unique in a cluster.`
}

function namesake(name: string): string {
  return `A member named ${name} is there already: a replacement has a name of its own. A machine that lost its disk comes back under its old name, without --replace.`
}

/** `before`: who it was until now. */
function newcomer(id: string, { request, speaks }: Round, before: MemberFacts | undefined): MemberFacts {
  const { name, address, peerAddress, incarnation } = request
  const boot = (before?.boot ?? 0) + request.boot
  const incomplete = before !== undefined && !isAwaited(before)
  const life = { boot, revision: 0, incarnation, session: incarnation, incomplete }
  return { id, name, address, peerAddress, ...life, ...asFacts(speaks, 1) }
}

function secondId(nodeId: string): string {
  const digest = new Uint8Array(16)
  objectDigest(Buffer.from(nodeId, 'hex'), digest)
  return Buffer.from(digest).toString('hex')
}

function tell(
  out: MembershipEffect[],
  to: string,
  request: JoinRequest,
  verdict: JoinAnswer['verdict'],
  reason: string,
  nodeId = '',
  bootBase = 0,
  state: Uint8Array = EMPTY,
): void {
  out.push({
    kind: 'tell',
    to,
    message: { type: 23, id: request.id, verdict, reason, nodeId, bootBase, state },
  })
}
