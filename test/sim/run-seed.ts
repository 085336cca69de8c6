/** Runs one seed, in this process, with all bans in place. */
import { ban } from './bans.js'
import { makeNode } from './node-maker.js'
import { Simulation, type Verdict } from './simulation.js'
import { configure, type Wish } from './swarm.js'

export function runSeed(seed: number, wish: Wish = {}, keepStory = false): Verdict {
  const config = configure(seed, wish)
  const lift = ban()
  try {
    return new Simulation(config, makeNode(config), keepStory).run()
  } finally {
    lift()
  }
}
