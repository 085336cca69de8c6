/**
 * Known bugs, put in on purpose. A checker that has never found anything proves nothing; each of these must be caught within a
 * thousand seeds, by the invariant that it breaks. `patches` are replacements in the compiled code under test (see canary-hooks).
 */
import type { Invariant } from './check/violation.js'

export interface Patch {
  /** Path below dist/. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Canary {
  readonly name: string
  readonly story: string
  /** Any of these is a catch. */
  readonly breaks: readonly Invariant[]
  readonly patches: readonly Patch[]
}

export const CANARIES: readonly Canary[] = []

export function canaryNamed(name: string): Canary {
  const canary = CANARIES.find((candidate) => candidate.name === name)
  if (canary === undefined)
    throw new Error(`no canary is named ${name}: ${CANARIES.map((known) => known.name).join(', ')}`)
  return canary
}
