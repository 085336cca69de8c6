/**
 * Known bugs, put in on purpose. A checker that has never found anything proves nothing; each of these must be caught within a
 * thousand seeds, by an invariant that it breaks. `patches` are replacements in the compiled code under test (see canary-hooks);
 * one that no longer fits its file is an error, so a canary has to follow the code.
 */
import { BUFFERED_CANARIES } from './buffered.js'
import type { Canary } from './canary.js'
import { ENTROPY_CANARIES } from './entropy.js'
import { HINT_CANARIES } from './hints.js'
import { HISTORY_CANARIES } from './histories.js'
import { MOVING_CANARIES } from './moving.js'
import { PROTOCOL_CANARIES } from './protocol.js'
import { REAPING_CANARIES } from './reaping.js'
import { STORAGE_CANARIES } from './storage.js'

export type { Canary, Patch } from './canary.js'

export const CANARIES: readonly Canary[] = [
  ...PROTOCOL_CANARIES,
  ...HINT_CANARIES,
  ...STORAGE_CANARIES,
  ...BUFFERED_CANARIES,
  ...ENTROPY_CANARIES,
  ...REAPING_CANARIES,
  ...MOVING_CANARIES,
  ...HISTORY_CANARIES,
]

export function canaryNamed(name: string): Canary {
  const canary = CANARIES.find((candidate) => candidate.name === name)
  const names = CANARIES.map((known) => known.name).join(', ')
  if (canary === undefined) throw new Error(`no canary is named ${name}: ${names}`)
  return canary
}
