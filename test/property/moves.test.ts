/** Partitions on their way to other owners: no history of changes, gossip and requests loses a write or makes a read go back; and states merge alike in any order. */
import test from 'ava'
import { mergeStates } from '../../src/protocol/membership/state.js'
import { decodeState, encodeState } from '../../src/protocol/membership/state-codec.js'
import { WireError } from '../../src/wire/bytes.js'
import { type Chance, MovingCluster } from '../model/moving-cluster.js'
import { Prng } from '../sim/prng.js'

const HISTORIES = 150
const STEPS = 250

function chanceOf(seed: number): Chance {
  const prng = new Prng(`history ${seed}`)
  return (below) => prng.below(below)
}

test('with any number of concurrent joins, leaves, splits and changes of N no acknowledged write is missed by a later read, and none is lost', (t) => {
  const counts = { acknowledged: 0, reads: 0 }
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const chance = chanceOf(seed)
    const cluster = new MovingCluster(1 + chance(4), 1 + chance(5), chance)
    for (let step = 0; step < STEPS; step++) {
      const broken = cluster.step()
      if (broken !== undefined) return t.fail(`history ${seed}, step ${step}: ${broken}`)
    }
    if (!cluster.settle()) return t.fail(`history ${seed} does not settle`)
    const lost = cluster.lost()
    if (lost !== undefined) return t.fail(`history ${seed}: ${lost}`)
    counts.acknowledged += cluster.acknowledged
    counts.reads += cluster.reads
  }
  t.true(counts.acknowledged > 400 && counts.reads > 200, JSON.stringify(counts))
})

test('nor where one of them dies for ever and is removed or replaced meanwhile', (t) => {
  const counts = { acknowledged: 0, reads: 0, deaths: 0 }
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const chance = chanceOf(10_000 + seed)
    const cluster = new MovingCluster(2 + chance(4), 3 + chance(4), chance, true)
    for (let step = 0; step < STEPS; step++) {
      const broken = cluster.step()
      if (broken !== undefined) return t.fail(`history ${seed}, step ${step}: ${broken}`)
    }
    if (!cluster.settle()) return t.fail(`history ${seed} does not settle`)
    const lost = cluster.lost()
    if (lost !== undefined) return t.fail(`history ${seed}: ${lost}`)
    counts.acknowledged += cluster.acknowledged
    counts.reads += cluster.reads
    if (cluster.oneDied) counts.deaths++
  }
  const { acknowledged, reads, deaths } = counts
  t.true(acknowledged > 200 && reads > 150 && deaths > 70, JSON.stringify(counts))
})

test('states merge alike in any order, any number of times, and go through bytes and back', (t) => {
  for (let seed = 1; seed <= HISTORIES / 4; seed++) {
    const chance = chanceOf(seed)
    const cluster = new MovingCluster(3, 4, chance, seed % 2 === 0)
    for (let step = 0; step < STEPS; step++) cluster.step()
    const some = () => cluster.nodes[chance(cluster.nodes.length)]!.state
    const [a, b, c] = [some(), some(), some()]
    const merged = encodeState(mergeStates(mergeStates(a, b), c))
    for (const other of [
      mergeStates(a, mergeStates(b, c)),
      mergeStates(mergeStates(c, b), a),
      mergeStates(mergeStates(mergeStates(a, b), c), b),
    ])
      if (Buffer.compare(encodeState(other), merged) !== 0) return t.fail(`history ${seed}: they differ`)
    const back = encodeState(decodeState(merged))
    if (Buffer.compare(back, merged) !== 0) return t.fail(`history ${seed}: not the same bytes`)
  }
  t.pass()
})

test('damaged bytes of a state give a state or a WireError', (t) => {
  const chance = chanceOf(7)
  const cluster = new MovingCluster(3, 3, chance)
  for (let step = 0; step < STEPS; step++) cluster.step()
  const bytes = encodeState(cluster.nodes[0]!.state)
  t.is(bytes[0], 3, 'a state with moves')
  t.notThrows(() => {
    for (let i = 0; i < 3000; i++) {
      const damaged = Buffer.from(bytes.subarray(0, chance(4) === 0 ? chance(bytes.length) : bytes.length))
      if (damaged.length > 0) damaged[chance(damaged.length)] = chance(256)
      try {
        decodeState(damaged)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
      }
    }
  })
})
