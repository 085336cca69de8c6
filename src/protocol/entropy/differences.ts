/** Which keys of some segments differ between two replicas, and which of the two lacks something. */
import { compareSkeleton, objectDigest, RELATION } from '../../kernel/index.js'

const DIGEST_BYTES = 16
const NOTHING = new Uint8Array(0)

/** A row of a segment as it is here; `object` undefined: unreadable. */
export interface ListedRow {
  readonly rowKey: Uint8Array
  readonly object: Uint8Array | undefined
}

/** A key as a peer lists it, with the digest of its object; all zero: unreadable there. */
export interface FoundKey {
  readonly rowKey: Uint8Array
  readonly digest: Uint8Array
}

/** A key that differs, with what this node holds. */
export interface Difference {
  readonly rowKey: Uint8Array
  readonly object: Uint8Array | undefined
}

export interface Differences {
  /** The peer has something that may be new here. */
  readonly wants: readonly Difference[]
  /** The peer has nothing, or nothing that it can read. */
  readonly gives: readonly Difference[]
}

/** Two lists of the same segments, rising, up to `end` (no bytes: all). */
export function differences(
  mine: readonly ListedRow[],
  theirs: readonly FoundKey[],
  end: Uint8Array,
): Differences {
  const wants: Difference[] = []
  const gives: Difference[] = []
  let at = 0
  const onlyTheirs = (until: Uint8Array): void => {
    for (; at < theirs.length && isBefore(theirs[at]!.rowKey, until); at++)
      if (!isUnreadable(theirs[at]!)) wants.push({ rowKey: theirs[at]!.rowKey, object: undefined })
  }
  for (const row of mine) {
    if (!isBefore(row.rowKey, end)) break
    onlyTheirs(row.rowKey)
    const key = theirs[at]
    const same = key !== undefined && Buffer.compare(key.rowKey, row.rowKey) === 0
    if (same) at++
    if (!same || isUnreadable(key)) {
      if (row.object !== undefined) gives.push(row)
    } else if (row.object === undefined || !hasDigest(row.object, key.digest)) wants.push(row)
  }
  onlyTheirs(end)
  return { wants, gives }
}

function isBefore(rowKey: Uint8Array, end: Uint8Array): boolean {
  return end.length === 0 || Buffer.compare(rowKey, end) < 0
}

export function isUnreadable({ digest }: FoundKey): boolean {
  return digest.every((byte) => byte === 0)
}

const scratch = new Uint8Array(DIGEST_BYTES)

function hasDigest(object: Uint8Array, digest: Uint8Array): boolean {
  objectDigest(object, scratch)
  return Buffer.compare(scratch, digest) === 0
}

/** The earlier of two ends; no bytes are behind the last row. */
export function earlierEnd(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0 || other.length === 0) return one.length === 0 ? other : one
  return Buffer.compare(one, other) < 0 ? one : other
}

/** Rising, and none before `from`. */
export function isSorted(keys: readonly FoundKey[], from: Uint8Array): boolean {
  return keys.every(({ rowKey }, index) => {
    const before = keys[index - 1]?.rowKey
    return before === undefined ? Buffer.compare(rowKey, from) >= 0 : Buffer.compare(rowKey, before) > 0
  })
}

/** What an answerer that holds `object` has to say to an asker that holds the object of `skeleton` (no bytes: none). */
export function relate(
  object: Uint8Array | undefined,
  skeleton: Uint8Array,
): { readonly wants: boolean; readonly object: Uint8Array } {
  if (object === undefined) return { wants: skeleton.length > 0, object: NOTHING }
  if (skeleton.length === 0) return { wants: false, object }
  switch (compareSkeleton(object, skeleton)) {
    case RELATION.FIRST_NEWER:
      return { wants: false, object }
    case RELATION.SECOND_NEWER:
      return { wants: true, object: NOTHING }
    default:
      // Each has something, or the same versions lie in other bytes: both join both.
      return { wants: true, object }
  }
}
