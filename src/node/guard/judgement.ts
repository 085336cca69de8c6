import type { Mark, Watermark } from './boot-record.js'
import type { Lost } from './face.js'

/**
 * What a directory is, judged from what was found in it. Nothing else decides whether a node may go on as the one it was: an
 * incarnation is kept only where the database, its mark and its watermark tell one story of a clean stop. In every other case
 * the node takes a new one, and so mints no dot that it may have minted before and forgotten.
 */
export interface Found {
  readonly slots: readonly [Slot, Slot]
  readonly mark: Mark | 'damaged' | undefined
  /** The database holds nothing at all. */
  readonly empty: boolean
  /** The engine has left out writes from the middle of its log. */
  readonly hasHole: boolean
}

/** One slot of the side file; `undefined` was never written. */
export type Slot = Watermark | 'damaged' | undefined

export interface Judgement {
  readonly boot: number
  /** `undefined`: a new one is needed. */
  readonly incarnation: string | undefined
  readonly clean: boolean
  readonly fresh: boolean
  readonly shared: boolean
  /** By what was found now, or by an earlier start and not recorded by the node since. */
  readonly lost: Lost
  readonly hasRows: boolean
  /** Batches are numbered from here on; no row has a higher number. */
  readonly lastCommit: number
}

/**
 * Where the mark cannot be read, nothing tells how far the rows' commit numbers go. The watermark is at most some 250 ms old, and
 * no node forms this many batches in that time.
 */
const UNKNOWN_COMMITS = 1_000_000

/** Actors carry the boot number modulo this: an incarnation must not outlive one round of it. */
const BOOTS_OF_AN_INCARNATION = 4096

export function judge(found: Found): Judgement {
  const watermark = newest(found.slots)
  const mark = found.mark === 'damaged' ? undefined : found.mark
  const fresh = isFresh(found, watermark)
  const clean = watermark !== undefined && mark !== undefined && watermark.clean && sameStory(watermark, mark)
  const lostNow = fresh ? 'nothing' : lostIn(found, watermark, clean)
  const known = Math.max(watermark?.commit ?? 0, mark?.commit ?? 0)
  const boot = Math.max(watermark?.boot ?? 0, mark?.boot ?? 0) + 1
  const keeps = clean && lostNow === 'nothing' && boot % BOOTS_OF_AN_INCARNATION !== 0
  return {
    boot,
    incarnation: keeps ? watermark.incarnation : undefined,
    clean,
    fresh,
    shared: watermark?.shared === true,
    lost: worse(lostNow, watermark?.lost ?? 'nothing'),
    hasRows: mark?.hasRows ?? !found.empty,
    lastCommit: mark === undefined && !found.empty ? known + UNKNOWN_COMMITS : known,
  }
}

/** An empty database with no side file; or one whose first start was cut off, with nothing in it but perhaps its first mark. */
function isFresh({ slots, mark, empty }: Found, watermark: Watermark | undefined): boolean {
  if (watermark === undefined) return empty && slots[0] === undefined && slots[1] === undefined
  if (!watermark.creating) return false
  return empty || (mark !== undefined && mark !== 'damaged' && mark.commit === watermark.commit + 1)
}

/** What was acknowledged from memory is only there after a clean stop, whatever the disk and its side file say. */
function lostIn(found: Found, watermark: Watermark | undefined, clean: boolean): Lost {
  if (found.empty) return 'everything'
  if (found.hasHole || watermark === undefined || found.mark === undefined || found.mark === 'damaged')
    return 'tail'
  if (watermark.buffered && !clean) return 'tail'
  return found.mark.commit < watermark.commit ? 'tail' : 'nothing'
}

export function worse(one: Lost, other: Lost): Lost {
  if (one === 'everything' || other === 'everything') return 'everything'
  return one === 'nothing' ? other : one
}

/** The slot that counts: the one written last, of those that can be read. */
export function newest(slots: readonly [Slot, Slot]): Watermark | undefined {
  const [first, second] = slots.map((slot) => (slot === 'damaged' ? undefined : slot))
  if (first === undefined || second === undefined) return first ?? second
  return first.sequence > second.sequence ? first : second
}

/** A slot that went bad leaves an older one behind, which may say `clean`; the mark of a later start gives it away. */
function sameStory(watermark: Watermark, mark: Mark): boolean {
  return (
    watermark.boot === mark.boot &&
    watermark.commit === mark.commit &&
    watermark.incarnation === mark.incarnation
  )
}
