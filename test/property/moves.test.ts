/** Partitions on their way to other owners: no history of changes, gossip and requests loses a write or makes a read go back; and states merge alike in any order. */
import test from 'ava'
import { duty, listsOf } from '../../src/protocol/membership/move-lists.js'
import { type Moves, mergeMoves, withHanding } from '../../src/protocol/membership/moves.js'
import { decodeMoves, encodeMoves } from '../../src/protocol/membership/moves-codec.js'
import { Ring } from '../../src/protocol/membership/ring.js'
import {
  type ClusterState,
  mergeStates,
  movesOf,
  removed,
  withMoves,
} from '../../src/protocol/membership/state.js'
import { decodeState, encodeState } from '../../src/protocol/membership/state-codec.js'
import { ByteReader, ByteWriter, WireError } from '../../src/wire/bytes.js'
import { type Chance, MovingCluster } from '../model/moving-cluster.js'
import { plainLists, plainMerge } from '../model/plain-moves.js'
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

/** The same in objects of its own: nothing that was found out about the one is known of the other. */
function anew(state: ClusterState): ClusterState {
  return structuredClone(state)
}

function partsOf({ digest, holding, table, n, members, owners, holders, moving }: Ring): object {
  return { digest, holding, table: table.name, n, members, owners, holders, moving: [...moving] }
}

/** Somebody has recorded some of what it has to record. */
function goneOn(state: ClusterState, ring: Ring, chance: Chance): ClusterState {
  const by = ring.members[chance(ring.members.length)]!
  const handed = new Map<number, readonly string[]>()
  const released = new Set<number>()
  for (const [partition, lists] of ring.moving) {
    const due = duty(by, partition, lists, state.moves?.handings ?? [])
    if (due === 'hand' && chance(3) > 0) handed.set(partition, lists.versions.at(-1)!.list)
    if (due === 'release' && chance(3) > 0) released.add(partition)
  }
  if (handed.size + released.size === 0) return state
  const { level, name: table } = ring.table
  const version = { level, table, gone: removed(state) }
  return withMoves(state, withHanding(movesOf(state), by, version, handed, released))
}

test('what is taken over from what was known before is what would be worked out anew: merged moves, lists in force, bytes', (t) => {
  let [moved, settled] = [0, 0]
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const chance = chanceOf(20_000 + seed)
    const cluster = new MovingCluster(2 + chance(3), 1 + chance(5), chance, seed % 2 === 0)
    for (let step = 0; step < STEPS; step++) cluster.step()
    const some = () => cluster.nodes[chance(cluster.nodes.length)]!.state
    let state = some()
    let ring = new Ring(state)
    for (let step = 0; step < 20; step++) {
      const [before, other] = [state, some()]
      const isSame = step % 4 > 0
      state = isSame ? goneOn(state, ring, chance) : mergeStates(state, other)
      const merged = mergeMoves(movesOf(before), movesOf(isSame ? state : other))
      const plain = plainMerge(movesOf(before), movesOf(isSame ? state : other))
      if (before.changes.length === other.changes.length)
        t.deepEqual(merged, plain, `history ${seed}: merged`)
      const left = ring.moving.size
      ring = new Ring(state, ring)
      t.deepEqual(partsOf(ring), partsOf(new Ring(anew(state))), `history ${seed}: ring`)
      const moves = movesOf(state)
      const { level, name: table, lists } = ring.table
      lists.forEach((list, partition) => {
        const target = { level, table, gone: removed(state), list }
        const found = listsOf(partition, moves, target)
        t.deepEqual(found, plainLists(partition, moves, target), `history ${seed}: lists`)
      })
      const bytes = encodeState(state)
      if (Buffer.compare(bytes, encodeState(anew(state))) !== 0) return t.fail(`history ${seed}: bytes`)
      t.deepEqual(movesOf(decodeState(Buffer.from(bytes))), moves, `history ${seed}: read again`)
      moved += ring.moving.size
      settled += Math.max(0, left - ring.moving.size)
    }
  }
  t.true(moved > HISTORIES && settled > HISTORIES, JSON.stringify({ moved, settled }))
})

test('bytes that name a list twice, or members out of order, mean what they mean and are not passed on', (t) => {
  const written = (lists: number, left: readonly number[]) => {
    const writer = new ByteWriter()
    writer.u32(2)
    for (const id of [1, 2]) writer.raw(Buffer.alloc(16, id))
    writer.u32(lists)
    for (let list = 0; list < lists; list++) for (const number of [2, 0, 1]) writer.u16(number)
    for (const list of [0, lists - 1]) for (const number of [7, list]) writer.u32(number)
    writer.u32(1)
    writer.u16(0)
    writer.u32(8)
    writer.text('0123456789abcdef')
    writer.u16(0)
    for (const number of [1, 0, lists - 1, 0]) writer.u32(number)
    for (const number of [left.length, ...left]) writer.u16(number)
    return writer.take()
  }
  const spelt = (moves: Moves) => {
    const writer = new ByteWriter()
    encodeMoves(writer, moves)
    return writer.take()
  }
  const read = (bytes: Buffer) => decodeMoves(new ByteReader(bytes), 2)
  const good = written(1, [0, 1])
  for (const odd of [written(2, [0, 1]), written(1, [1, 0]), written(2, [1, 0, 0])]) {
    const moves = read(odd)
    t.deepEqual(spelt(mergeMoves(moves, moves)), good)
    t.deepEqual(spelt(mergeMoves(read(good), moves)), good)
  }
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
