/**
 * What one seed is about: sizes and faults, drawn at random, so that a thousand seeds are a thousand different tests and not one
 * test a thousand times (swarm testing: Groce et al., 2012). A fault that is off everywhere is a fault whose absence can matter.
 */
import type { Durability } from '../../src/node/guard/index.js'
import { Prng } from './prng.js'

/** Drawn from a stream of their own, so that seeds in which they are off stay what they were. */
const LATER_FAULTS = [
  'slow-sync',
  'late-reads',
  'damaged-frames',
  'crowd',
  'long-pause',
  'lost-files',
] as const

export const FAULTS = [
  'kill',
  'power-cut',
  'blackout',
  'pause',
  'partition-halves',
  'partition-single',
  'partition-ring',
  'partition-bridge',
  'partition-one-way',
  'flapping',
  'clog',
  'reset',
  'harsh-network',
  'clock-jump',
  'clock-drift',
  'slow-disk',
  'full-disk',
  'io-error',
  'damaged-row',
  'lost-tail',
  'wipe',
  'old-copy',
  'clean-restart',
  ...LATER_FAULTS,
] as const

export type Fault = (typeof FAULTS)[number]

export interface Config {
  readonly seed: number
  readonly nodes: number
  readonly n: number
  readonly partitions: number
  readonly durability: Durability
  readonly faults: ReadonlySet<Fault>
  /** Mean time between two faults. */
  readonly calmMs: number
  /**
   * Disasters may strike every disk, and so nothing can be asked for that rests on copies: only that no dot is minted twice, no corrupt
   * byte served, nothing acknowledged that was not there, and no node breaks. Else only one disk ever loses anything.
   */
  readonly unbudgeted: boolean
  /** Share of writes that are blind. */
  readonly blindness: number
  /** Faults strike already while the cluster forms. */
  readonly roughStart: boolean
  readonly clients: number
  readonly keys: number
  readonly writes: number
  /** Share of requests with r or w other than the quorum. */
  readonly oddQuorums: number
  /** w below the quorum may be asked for: not in a seed in which disks lose things, for then one copy is no promise. */
  readonly weakWrites: boolean
  readonly deletes: number
  readonly largeValues: boolean
  readonly thinkMs: number
  readonly linkMs: number
  readonly dataWindowBytes: number
  readonly retries: number
  /** Share of requests for which nodes that stand in for owners count. */
  readonly sloppiness: number
  /** Bytes that a node keeps for others. */
  readonly hintBytes: number
  /** How often replicas compare their trees; 0 = never: then only reads repair, and reads must suffice in the end. */
  readonly exchangeEveryMs: number
  /** How often tombstones are let go of; 0 = never. And for how long each is left alone. */
  readonly reapEveryMs: number
  readonly reapAfterMs: number
  /** Entries of a clock that are left alone, although nothing is left of their actors. */
  readonly spareEntries: number
  /** Machines that join or leave while clients work. */
  readonly changes: number
  /** The frail machine dies for ever, and is removed or replaced. */
  readonly death: boolean
  /** It is not dead then, but cut off and taken for dead. */
  readonly mistaken: boolean
  /** All machines get other addresses while they are down, and come up as two islands that know no way to each other. */
  readonly islands: boolean
  /** How often members get other weights or zones. */
  readonly reshapes: number
  /** How often the ring is split. */
  readonly splits: number
  /** The ring is split through a member that is cut off and has not heard that partitions move. */
  readonly splitApart: boolean
  /** Other N that the cluster gets, one after the other. */
  readonly copies: readonly number[]
  /** How often a backup of the cluster is taken; each is brought back now and then. */
  readonly backups: number
  /** Each start of a node is one of a build that speaks wire version 1 alone, or of the present one, by chance; and members dial their seeds when they miss somebody. */
  readonly mixed: boolean
}

/** Clients of seeds in which processes stand still for a minute: else it is over before the minute is. */
const PATIENT_MS = 600

/** More entries than any clock has. */
const NEVER_SHED = 1_000_000

/** Faults that destroy what was durable. */
export const DISASTERS: readonly Fault[] = ['damaged-row', 'lost-tail', 'wipe', 'old-copy', 'lost-files']

/** Those that take long to simulate. */
const RARE: readonly Fault[] = ['crowd', 'long-pause']

/** Faults that end a process, and with it what was in its memory only. A clean stop does so where the disk does not take it. */
const ENDS: readonly Fault[] = ['kill', 'power-cut', 'blackout', 'clean-restart']

/** What is asked for instead of what the seed draws; the rest stays as it was drawn. */
export type Wish = Partial<Omit<Config, 'seed' | 'faults'>> & {
  readonly without?: readonly Fault[]
  /** Exactly these faults. */
  readonly only?: readonly Fault[]
}

export function configure(seed: number, wish: Wish = {}): Config {
  const prng = new Prng(`seed ${seed}`).split('swarm')
  const nodes = prng.pick([1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7, 9])
  const n = prng.pick([1, 2, 3, 3, 3, 3, 3, 4, 5])
  const drawn = drawFaults(prng, nodes, Math.min(n, nodes))
  const weakWrites = prng.chance(0.4) && !DISASTERS.some((fault) => drawn.has(fault))
  const config: Config = {
    seed,
    nodes,
    n,
    partitions: prng.pick([1, 8, 16, 32, 64]),
    durability: durabilityOf(seed, prng.chance(0.85), nodes, drawn),
    faults: drawn,
    calmMs: prng.pick([400, 1_000, 2_500, 6_000]),
    clients: prng.whole(1, 8),
    keys: prng.pick([1, 1, 2, 3, 4, 8]),
    writes: prng.pick([60, 100, 160, 220]),
    oddQuorums: prng.pick([0, 0.2, 0.6]),
    weakWrites,
    deletes: prng.pick([0, 0.1, 0.3]),
    largeValues: prng.chance(0.1),
    thinkMs: prng.pick([5, 40, 150]),
    linkMs: prng.pick([0.2, 1, 8]),
    dataWindowBytes: prng.pick([2 * 1024 * 1024, 16 * 1024 * 1024]),
    retries: prng.pick([0, 0.3, 0.8]),
    roughStart: prng.chance(0.25),
    blindness: prng.pick([0.05, 0.2, 0.2, 0.2, 1]),
    unbudgeted: prng.chance(0.1),
    sloppiness: prng.pick([0, 0, 0.5, 1, 1]),
    hintBytes: prng.pick([3_000, 20_000, 64 * 1024 * 1024, 64 * 1024 * 1024]),
    exchangeEveryMs: prng.pick([0, 500, 2_000, 10_000]),
    reapEveryMs: prng.pick([0, 100, 400, 1_500]),
    reapAfterMs: prng.pick([0, 100, 1_000]),
    spareEntries: prng.pick([0, 1, 3, 8]),
    changes: changesOf(seed),
    ...furtherOf(seed),
    splits: splitsOf(seed),
    ...latestOf(seed, nodes, n, drawn),
    ...youngestOf(seed),
    ...backupsOf(seed),
    mixed: mixedOf(seed),
  }
  return apply(config, wish)
}

/** For known bugs and for seeds that once found something: they are about something else, and stay what they were when they were recorded. */
export const ONE_BUILD: Wish = { mixed: false }

/** Drawn from a stream of its own: other seeds stay what they were. */
function mixedOf(seed: number): boolean {
  return new Prng(`seed ${seed}`).split('mixed builds').chance(0.25)
}

/** Drawn from a stream of its own: other seeds stay what they were. */
function changesOf(seed: number): number {
  const prng = new Prng(`seed ${seed}`).split('changes')
  return prng.chance(0.3) ? prng.pick([1, 1, 2, 3]) : 0
}

/** Recorded seeds below this one are older than deaths and other weights, and stay what they were. */
const FURTHER_FROM = 1_000_000

/** Only in seeds with changes, and in those from a stream of its own. */
function furtherOf(seed: number): Pick<Config, 'death' | 'reshapes'> {
  if (seed < FURTHER_FROM) return { death: false, reshapes: 0 }
  const prng = new Prng(`seed ${seed}`).split('further changes')
  return { death: prng.chance(0.5), reshapes: prng.pick([0, 0, 1, 2, 3]) }
}

/** Recorded seeds below this one are older than these, and stay what they were. */
const LATEST_FROM = 2_000_000

function latestOf(
  seed: number,
  nodes: number,
  n: number,
  faults: ReadonlySet<Fault>,
): Pick<Config, 'splitApart' | 'copies'> {
  if (seed < LATEST_FROM) return { splitApart: false, copies: [] }
  const prng = new Prng(`seed ${seed}`).split('latest changes')
  const splitApart = prng.chance(0.3)
  // As with the first N: where disks lose things, a quorum is two at least.
  const least = DISASTERS.some((fault) => faults.has(fault)) ? 2 : 1
  const others = [1, 2, 3, 4, 5].filter((other) => other >= least && other <= nodes && other !== n)
  const times = prng.pick([0, 1, 1, 2])
  return { splitApart, copies: prng.shuffled(others).slice(0, times) }
}

/** Recorded seeds below this one are older than these, and stay what they were. */
const YOUNGEST_FROM = 3_000_000

function youngestOf(seed: number): Pick<Config, 'mistaken' | 'islands'> {
  if (seed < YOUNGEST_FROM) return { mistaken: false, islands: false }
  const prng = new Prng(`seed ${seed}`).split('youngest changes')
  return { mistaken: prng.chance(0.6), islands: prng.chance(0.3) }
}

/** Recorded seeds below this one are older than backups, and stay what they were. */
const BACKUPS_FROM = 5_000_000

/** Where there is something to bring back that should not be: keys are deleted, and their tombstones go. */
function backupsOf(
  seed: number,
): Pick<Config, 'backups'> & Partial<Pick<Config, 'deletes' | 'reapEveryMs' | 'reapAfterMs' | 'blindness'>> {
  if (seed < BACKUPS_FROM) return { backups: 0 }
  const prng = new Prng(`seed ${seed}`).split('backups')
  return {
    backups: prng.whole(1, 4),
    deletes: prng.pick([0.1, 0.3, 0.6]),
    reapEveryMs: prng.pick([100, 100, 400]),
    reapAfterMs: prng.pick([0, 0, 100]),
    blindness: prng.pick([0.05, 0.05, 0.2]),
  }
}

/** Of a stream of its own, too. */
function splitsOf(seed: number): number {
  const prng = new Prng(`seed ${seed}`).split('splits')
  return prng.chance(0.2) ? prng.pick([1, 2, 2]) : 0
}

/**
 * `buffered` where the copy that a disk has is not lost, and where there is one (a single node has none). Drawn from a stream of its own: other seeds stay what
 * they were.
 */
function durabilityOf(seed: number, synced: boolean, nodes: number, faults: ReadonlySet<Fault>): Durability {
  const safe = !DISASTERS.some((fault) => faults.has(fault))
  const kept = nodes > 1 || !ENDS.some((fault) => faults.has(fault))
  if (safe && kept && new Prng(`seed ${seed}`).split('write behind').chance(0.3)) return 'buffered'
  return synced || faults.has('power-cut') || faults.has('blackout') ? 'fsync' : 'os'
}

function apply(config: Config, wish: Wish): Config {
  const { without, only, ...fields } = wish
  const drawn = only ?? [...config.faults]
  const faults = new Set(drawn.filter((fault) => without?.includes(fault) !== true))
  // A window holds at least one of the largest frames, as the real one does.
  const dataWindowBytes = config.largeValues ? 16 * 1024 * 1024 : config.dataWindowBytes
  // Reaping rests on the order of what is sent, as TCP keeps it; this network does not.
  const reapEveryMs = faults.has('harsh-network') ? 0 : config.reapEveryMs
  // A disk that goes back behind what it has vouched for may bring back what others have shed: that is known (decision 26).
  const spareEntries = faults.has('lost-tail') ? NEVER_SHED : config.spareEntries
  const thinkMs = faults.has('long-pause') ? PATIENT_MS : config.thinkMs
  const all = { ...config, faults, dataWindowBytes, reapEveryMs, spareEntries, thinkMs, ...fields }
  // The promises are told with one N; a smaller cluster that grows has several.
  const isAble = all.nodes >= all.n && !all.unbudgeted
  const changes = isAble ? all.changes : 0
  const copies = isAble ? all.copies.filter((other) => other <= all.nodes) : []
  const { reshapes, splitApart } = changes > 0 ? all : { reshapes: 0, splitApart: false }
  // A cluster that may come down to one member acknowledges from memory alone then.
  const isAlone = changes > 0 && all.n === 1 && all.durability === 'buffered'
  const durability = isAlone ? 'fsync' : all.durability
  const death = changes > 0 && all.death && mayDie(all)
  const mistaken = death && all.mistaken
  const islands = all.islands && all.nodes > 1
  return { ...all, changes, copies, reshapes, splitApart, durability, death, mistaken, islands }
}

/** Where every acknowledged write is on two disks at least, a machine may take one of them along. */
function mayDie({ n, copies, durability, weakWrites }: Config): boolean {
  return Math.min(n, ...copies) >= 2 && durability !== 'buffered' && !weakWrites
}

function drawFaults(prng: Prng, nodes: number, copies: number): Set<Fault> {
  const density = prng.pick([0.08, 0.2, 0.4])
  const faults = new Set<Fault>()
  const later: readonly Fault[] = LATER_FAULTS
  for (const fault of FAULTS) if (!later.includes(fault) && prng.chance(density)) faults.add(fault)
  const other = prng.split('later faults')
  for (const fault of later) if (other.chance(density / (RARE.includes(fault) ? 8 : 2))) faults.add(fault)
  // With fewer than two copies at a quorum, one lost disk is a lost write by definition.
  if (Math.floor(copies / 2) + 1 < 2) for (const fault of DISASTERS) faults.delete(fault)
  if (nodes === 1) for (const fault of FAULTS) if (fault.startsWith('partition')) faults.delete(fault)
  return faults
}
