/** Makes the real node on simulated ports. */
import { RotundaNode } from '../../src/node/node.js'
import { FIRST, SPEAKS } from '../../src/wire/versions.js'
import type { NodeMaker } from './host.js'
import { Prng } from './prng.js'
import type { Config } from './swarm.js'

/** Shorter than most faults. */
const SEEDS_AFTER_MS = 500

export function makeNode(config: Config): NodeMaker {
  const builds = new Prng(`seed ${config.seed}`).split('builds')
  const prng = new Prng(`seed ${config.seed}`).split('options')
  const cacheBytes = prng.pick([0, 4_096, 8 * 1024 * 1024])
  // Values are small here: so that coordinators are shown skeletons all the same.
  const shownWholeBytes = prng.pick([0, 0, 4_096])
  return (ports, identity, join, place) =>
    new RotundaNode(ports, {
      ...identity,
      zone: '',
      weight: 1,
      join,
      ...(place === undefined ? {} : { place: { of: place, weight: true, zone: true } }),
      n: config.n,
      partitions: config.partitions,
      durability: config.durability,
      freeSpaceFloorBytes: 64 * 1024,
      cacheBytes,
      hintBytes: config.hintBytes,
      shownWholeBytes,
      exchangeEveryMs: config.exchangeEveryMs,
      reapEveryMs: config.reapEveryMs,
      reapAfterMs: config.reapAfterMs,
      spareEntries: config.spareEntries,
      shedAfterMs: config.reapAfterMs,
      speaks: config.mixed && builds.chance(0.6) ? SPEAKS : FIRST,
      ...(config.backups > 0 ? { reapHistory: true } : {}),
      seedsAfterMs: config.mixed || config.islands ? SEEDS_AFTER_MS : 0,
    })
}
