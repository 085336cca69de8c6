/** An object as a client sees it: its live versions and, for those who ask, its tombstones. */
import {
  type Attributes,
  decodeAttributes,
  decodeObject,
  KernelError,
  objectClock,
  type Sibling,
} from '../kernel/index.js'

export interface Versions {
  /** In the order of their dots; one for each write. */
  readonly live: readonly Sibling[]
  readonly tombstones: readonly Sibling[]
  /** Covers all of them: the context of an answer that shows them. */
  readonly clock: Uint8Array
}

const NOTHING: Versions = { live: [], tombstones: [], clock: new Uint8Array(0) }

/**
 * A write that was tried again through another coordinator has two dots and one operation id: it is one write, shown once, as the
 * sibling with the smallest dot. Siblings come sorted by dot.
 */
function withoutRepeats(siblings: readonly Sibling[]): readonly Sibling[] {
  if (siblings.length < 2) return siblings
  const seen = new Set<string>()
  return siblings.filter(({ operation }) => {
    if (operation.length === 0) return true
    const id = Buffer.from(operation).toString('latin1')
    if (seen.has(id)) return false
    seen.add(id)
    return true
  })
}

/** The versions of an object; of no object, none and the empty clock. */
export function versionsOf(object: Uint8Array | undefined): Versions {
  if (object === undefined || object.length === 0) return NOTHING
  const { clock, siblings } = decodeObject(object)
  const only = siblings.length === 1 ? siblings[0]! : undefined
  if (only !== undefined) {
    return only.tombstone
      ? { live: [], tombstones: siblings, clock }
      : { live: siblings, tombstones: [], clock }
  }
  return {
    live: withoutRepeats(siblings.filter((sibling) => !sibling.tombstone)),
    tombstones: withoutRepeats(siblings.filter((sibling) => sibling.tombstone)),
    clock,
  }
}

/** The clock of an object, or of none. */
export function clockOf(object: Uint8Array | undefined): Uint8Array {
  return object === undefined || object.length === 0 ? NOTHING.clock : objectClock(object)
}

const PLAIN: Attributes = { contentType: '', contentEncoding: '', meta: [] }

/** Attributes of a version. Those that cannot be read (a newer node wrote them) are left out: the value still counts. */
export function attributesOf(sibling: Sibling): Attributes {
  try {
    return decodeAttributes(sibling.attributes)
  } catch (error) {
    if (error instanceof KernelError) return PLAIN
    throw error
  }
}
