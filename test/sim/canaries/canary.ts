/** What a canary is, and the wishes that several of them share. */
import type { Invariant } from '../check/violation.js'
import type { Wish } from '../swarm.js'

export interface Patch {
  /** Path below dist/. */
  readonly file: string
  /** Occurs exactly once in it. */
  readonly find: string
  readonly replace: string
}

export interface Canary {
  readonly name: string
  /** What the bug is, and where the like of it was seen. */
  readonly story: string
  /** Any of these is a catch. */
  readonly breaks: readonly Invariant[]
  readonly patches: readonly Patch[]
  /** For a rare one: the kind of seed in which it shows soon. Only used when its recorded seed does not show it any more. */
  readonly focus?: Wish
  /** So rare that its recorded seed, too, is one of that kind. */
  readonly rare?: true
}

/** Three nodes, one hot key, many clients in a hurry. */
export const CROWD: Wish = {
  nodes: 3,
  n: 3,
  keys: 1,
  clients: 8,
  writes: 220,
  thinkMs: 5,
  calmMs: 1_000,
  durability: 'fsync',
  unbudgeted: false,
  weakWrites: false,
  roughStart: false,
  largeValues: false,
  oddQuorums: 0.6,
  blindness: 0.2,
  sloppiness: 0,
}
