/**
 * Which versions this build speaks, of two things that change each in its own time:
 *
 *   wire      what nodes say to each other. Two nodes use the highest that both speak, and no node uses one that some member does not
 *             speak. It falls again when a member goes back to an earlier build.
 *   storage   what is on the disks: rows, and the node's own records. Rows travel as they lie, so nobody writes a version before every
 *             member can read it; and what was written stays, so this one never falls.
 *
 * A build that changes either one raises the highest version here, keeps what it did before under the lower ones, and asks which
 * one is in use (decision 68). The lowest goes up when what it stood for is taken out.
 */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export interface Speaks {
  readonly wire: VersionRange
  readonly storage: VersionRange
}

/** Wire 2: gossip of what differs (messages 27 and 28) instead of whole states; `all` of a forwarded request is 255. */
export const SPEAKS: Speaks = { wire: { min: 1, max: 2 }, storage: { min: 1, max: 1 } }

/** From this wire version on gossip tells what differs. */
export const WIRE_OF_NEWS = 2

/** What a member speaks whose facts do not say. */
export const FIRST: Speaks = { wire: { min: 1, max: 1 }, storage: { min: 1, max: 1 } }

/** As a handshake's Hello has them. */
export function announced({ wire, storage }: Speaks) {
  const [wireMin, wireMax, storageMin, storageMax] = [wire.min, wire.max, storage.min, storage.max]
  return { wireMin, wireMax, storageMin, storageMax }
}

export function sameRanges(a: Speaks, b: Speaks): boolean {
  return rangeText(a.wire) === rangeText(b.wire) && rangeText(a.storage) === rangeText(b.storage)
}

/** The highest version that both speak, or undefined. */
export function highestCommon(a: VersionRange, b: VersionRange): number | undefined {
  const highest = Math.min(a.max, b.max)
  return highest >= Math.max(a.min, b.min) ? highest : undefined
}

/** Who says what it speaks, for people. */
export interface Announced {
  readonly name: string
  readonly build: string
  readonly speaks: Speaks
}

/** Why these two cannot talk, in a sentence of the first; undefined where they can. */
export function mismatch(own: Announced, other: Announced): string | undefined {
  for (const what of ['wire', 'storage'] as const) {
    const [mine, theirs] = [own.speaks[what], other.speaks[what]]
    if (highestCommon(mine, theirs) !== undefined) continue
    const word = mine.max < theirs.min ? 'old' : 'new'
    return (
      `${named(own)} speaks ${what} version ${rangeText(mine)} and ${named(other)} ${rangeText(theirs)}: ` +
      `${own.name} is too ${word} for ${other.name}`
    )
  }
  return undefined
}

export function rangeText({ min, max }: VersionRange): string {
  return min === max ? `${min}` : `${min} to ${max}`
}

function named({ name, build }: Announced): string {
  return build === '' ? name : `${name} (Rotunda ${build})`
}
