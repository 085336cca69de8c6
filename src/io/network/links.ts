import { limits } from '../../limits.js'
import type { Hello } from '../../ports/network.js'
import type { Verdict } from '../../wire/handshake.js'
import { acquaintance } from './handshake.js'
import type { Link } from './link.js'
import { mayAccept, mayProve } from './link-rule.js'

/** A dial of our own, as far as the table of links cares. */
export interface OpenDial {
  /** The node it is with, once known: expected from the start, or told by the challenge. */
  readonly peerId: string | undefined
  /** Past its challenge and not yet answered. */
  readonly challenged: boolean
  /** Another link with that node won. */
  giveUp(): void
}

/** Which links and which dials this node has: at most one link and one dial past its challenge for each peer. */
export class Links {
  readonly #links = new Map<string, Link>()
  readonly #dials = new Set<OpenDial>()
  #order = 0

  /** One number for each challenge sent and each yes received. */
  nextOrder(): number {
    return ++this.#order
  }

  get(peerId: string): Link | undefined {
    return this.#links.get(peerId)
  }

  all(): IterableIterator<Link> {
    return this.#links.values()
  }

  opened(dial: OpenDial): void {
    this.#dials.add(dial)
  }

  closed(dial: OpenDial): void {
    this.#dials.delete(dial)
  }

  /** Rule 1, for a dial that has just been challenged by `peerId`. */
  mayProve(dial: OpenDial, peerId: string): boolean {
    return mayProve(this.#links.has(peerId), this.#challengedDial(peerId, dial))
  }

  /** What to answer to the proof of a control connection. */
  judgeControl(mine: Hello, theirs: Hello, challengeOrder: number): Verdict {
    const verdict = acquaintance(mine, theirs)
    if (verdict !== 'welcome') return verdict
    const held = this.#links.get(theirs.nodeId)
    if (held === undefined && this.#links.size >= limits.members) return 'too-many-peers'
    const ownDialChallenged = this.#challengedDial(theirs.nodeId)
    const dial = { selfId: mine.nodeId, peerId: theirs.nodeId, challengeOrder, ownDialChallenged, held }
    return mayAccept(dial) ? 'welcome' : 'duplicate'
  }

  /** What to answer to the proof of a data connection. */
  judgeData(theirs: Hello, linkId: string): Verdict {
    const link = this.#links.get(theirs.nodeId)
    const fits = link !== undefined && link.id === linkId && !link.dialledBySelf && !link.has('data')
    return fits ? 'welcome' : 'no-such-link'
  }

  /** Takes a link in; an older one with the same node ends, and so does every dial of ours to it but `own`. */
  add(link: Link, own?: OpenDial): void {
    this.#links.get(link.peerId)?.end('replaced', 'replaced by a newer connection')
    this.#links.set(link.peerId, link)
    for (const dial of this.#dials) if (dial !== own && dial.peerId === link.peerId) dial.giveUp()
  }

  remove(link: Link): void {
    if (this.#links.get(link.peerId) === link) this.#links.delete(link.peerId)
  }

  #challengedDial(peerId: string, except?: OpenDial): boolean {
    for (const dial of this.#dials)
      if (dial !== except && dial.challenged && dial.peerId === peerId) return true
    return false
  }
}
