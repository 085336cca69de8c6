/**
 * One link for each pair of nodes, though both dial.
 *
 * A *link* is the pair of connections (control, then data) that one node dialled to another. Both nodes of a pair dial whenever
 * they hold no link, so two links can be under way at once, and each end must throw away the same one. Nobody may decide by
 * what only it can see. Two rules suffice:
 *
 *  1. *Dialler, on the challenge* (`mayProve`): it now knows whom it reached. If it holds a link with that node, or has another
 *     dial with it past this point, it gives this one up. So a proof always says: when I sent this I held no link with you.
 *  2. *Acceptor, on a proof* (`mayAccept`): it takes the link in, in place of any older one, unless
 *      - its own dial to that node is past the challenge and its id is the lower one: the dial of the lower id wins; or
 *      - it holds a link that it dialled itself, and the other side's yes to that one came after this dial was challenged: the
 *        proof may have been sent before that yes, and says nothing against the link.
 *
 * Why both ends keep the same one: of two dials past the challenge the higher id's is refused by the lower (rule 2) and the
 * lower's is accepted by the higher, which gives its own up. Why nothing is lost when one end has restarted or dropped a link
 * that the other still holds: its next dial is challenged after the yes to the old link, so its proof counts against that link
 * and replaces it, without waiting until the dead one is noticed. Where rule 2 refuses too much, the dialler comes again with
 * backoff and is then challenged late enough.
 *
 * Order is counted by each node for itself, with one number for each challenge that it sends and each yes that it receives.
 */

/** A link that a node holds, as far as the rules care. */
export interface HeldLink {
  readonly dialledBySelf: boolean
  /** When the other side's yes came; of meaning where `dialledBySelf`. */
  readonly acceptedOrder: number
}

/** Rule 1. */
export function mayProve(holdsLink: boolean, otherDialChallenged: boolean): boolean {
  return !holdsLink && !otherDialChallenged
}

export interface IncomingDial {
  readonly selfId: string
  readonly peerId: string
  readonly challengeOrder: number
  /** Has a dial of our own to that node come past its challenge, without an answer yet? */
  readonly ownDialChallenged: boolean
  readonly held: HeldLink | undefined
}

/** Rule 2. */
export function mayAccept(dial: IncomingDial): boolean {
  if (dial.ownDialChallenged && dial.selfId < dial.peerId) return false
  const { held } = dial
  return held === undefined || !held.dialledBySelf || held.acceptedOrder < dial.challengeOrder
}
