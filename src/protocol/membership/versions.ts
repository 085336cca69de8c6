/**
 * Which versions the members use together, as one node sees it (wire/versions.ts says of what; decision 68 why so).
 *
 *   wire      the highest that every present member speaks by its facts, those that are away included: one of them may come back at any time. What is
 *             sent to a connected peer is never above what that one said when it connected.
 *   storage   rises in two steps, so that no row of a version reaches a directory that does not say that it may hold it:
 *               1. a member that sees all the others connected, each able to read version v, records v in its directory and tells so (the lowest
 *                  version of its range goes up to v: from now on no build that cannot read v can start there);
 *               2. v is written when every present member has told so.
 */
import { FIRST, type Speaks, sameRanges } from '../../wire/versions.js'
import type { ClusterState, MemberFacts } from './state.js'
import { isAwaited, presentMembers } from './state.js'

export interface VersionsInUse {
  readonly wire: number
  readonly storage: number
}

export function speaksOf({ speaks }: Pick<MemberFacts, 'speaks'>): Speaks {
  return speaks ?? FIRST
}

/** As facts say it: nothing where it is what silence says. `recorded` is the storage version that the directory says it may hold. */
export function asFacts(speaks: Speaks, recorded: number): Pick<MemberFacts, 'speaks'> {
  const { wire, storage } = speaks
  const told = { wire, storage: { min: Math.max(storage.min, recorded), max: storage.max } }
  return sameRanges(told, FIRST) ? {} : { speaks: told }
}

/** Those that have come: a machine for which a place is kept says what it speaks when it comes, and is told what is in use. */
function arrived(state: ClusterState): readonly MemberFacts[] {
  return presentMembers(state).filter((facts) => !isAwaited(facts))
}

/** `before`: what was in use here until now; storage never falls. */
export function versionsInUse(state: ClusterState, own: Speaks, before?: VersionsInUse): VersionsInUse {
  const others = arrived(state).map(speaksOf)
  const lowest = (of: (speaks: Speaks) => number) => Math.min(of(own), ...others.map(of))
  return {
    wire: lowest(({ wire }) => wire.max),
    storage: Math.max(
      lowest(({ storage }) => storage.min),
      before?.storage ?? 0,
    ),
  }
}

/** The storage version that every member's build could read, by its facts. */
export function readableByAll(state: ClusterState, own: Speaks): number {
  return Math.min(own.storage.max, ...arrived(state).map((facts) => speaksOf(facts).storage.max))
}

/**
 * Is this node the one that is too old or too new? It is where more than half of the other members say so, and none has talked to it: with less
 * it may be they who have to go.
 */
export function isOddOneOut(others: number, refusedBy: number, wasHeard: boolean): boolean {
  return !wasHeard && refusedBy * 2 > others
}
