/** Rows of partitions that this node owns no more are passed on and dropped, also those that appear only after the node has looked for such rows. */
import test from 'ava'
import { Replica } from '../../src/node/replica.js'
import { Sweep, type SweepParts } from '../../src/node/sweep.js'
import type { Machine } from '../../src/protocol/effects.js'
import { Trees } from '../../src/protocol/entropy/trees.js'
import { ActorSource } from '../../src/protocol/replica/actor.js'
import { objectOf } from '../model/objects.js'
import { Disk } from './scripted-engine.js'
import { nameOf, rowKeyOf, World } from './storage-world.js'

const PARTITIONS = 4
const KEY = 'k'
const OTHERS = ['a', 'b', 'c']

/** A node with its storage; who owns its partitions is for the test to say. */
class Node {
  readonly world: World
  readonly trees = new Trees(PARTITIONS, true)
  readonly replica: Replica
  readonly sweep: Sweep
  readonly passedOn: Machine[] = []
  holders: readonly string[] = OTHERS

  constructor(disk = new Disk()) {
    this.world = new World(disk)
    this.world.open()
    const { guard, timeline } = this.world
    const { clock, scheduler } = timeline
    const quiet = () => {}
    const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
    const stores = { guard, scheduler, log, hintBytes: 1 << 20, spareEntries: 16, lost: 'nothing' } as const
    this.replica = new Replica(stores, new ActorSource('00'.repeat(8), 1), true, this.trees, {
      laneEffect: (effect) => {
        if (effect.kind === 'settled' && effect.operation.kind === 'drop')
          this.sweep.settled(effect.operation.ticket, effect.fault === undefined)
      },
      hintEffect: quiet,
      wake: quiet,
    })
    const holders = () => this.holders
    const ring = {
      partitions: PARTITIONS,
      get holders() {
        return Array.from({ length: PARTITIONS }, holders)
      },
      holdersOf: holders,
      rangeOf: () => ({ from: new Uint8Array(0), to: undefined }),
      placementOf: () => ({ ring: { high: 1, low: 2 }, owners: OTHERS, beyond: [] }),
    }
    const conversations = {
      nextId: () => 1,
      begin: (machine: Machine, _nowMs: number, done: (outcome: unknown) => void) => {
        this.passedOn.push(machine)
        done('held')
      },
    }
    const outflow = { pieceBytes: 1 << 20, swept: quiet }
    const parts = { clock, log, guard, membership: { self: 'me', ring }, conversations, outflow }
    this.sweep = new Sweep({ ...parts, replica: this.replica, trees: this.trees } as unknown as SweepParts)
  }

  /** Fetched from an owner, or sent by somebody who coordinated a write. */
  merge(): void {
    const object = objectOf('x', { value: 'of k' })
    const merge = { kind: 'merge', conversation: 0, peer: '', messageId: 0, object, completes: true } as const
    this.replica.submit(rowKeyOf(KEY), merge)
  }

  commit(): void {
    this.replica.flush()
    this.world.timeline.run()
  }

  /** Ticks for some seconds; the tree that a row was written into over one that could not be read is built on the way. */
  ticks(): void {
    for (let second = 0; second < 5; second++) {
      this.world.timeline.advance(1_000)
      this.sweep.tick(() => true)
      this.commit()
      for (let wish = this.trees.nextScan(); wish !== undefined; wish = this.trees.nextScan())
        this.trees.scanned(this.world.scan()())
    }
  }
}

/** It has looked, and found nothing. */
function looked(disk?: Disk): Node {
  const node = new Node(disk)
  node.sweep.tick(() => true)
  return node
}

test('a row whose write ends only after the node has looked is passed on and dropped', (t) => {
  const node = new Node()
  node.merge()
  node.world.timeline.run()
  node.sweep.tick(() => true)
  t.true(node.sweep.isClean, 'nothing is on the disk yet')
  node.commit()
  t.true(node.world.disk.rows.has(nameOf(KEY)))
  t.false(node.sweep.isClean)
  node.ticks()
  t.deepEqual(
    node.passedOn.map(({ rowKey }) => rowKey),
    [Buffer.from(rowKeyOf(KEY))],
  )
  t.false(node.world.disk.rows.has(nameOf(KEY)))
  t.true(node.sweep.isClean)
  t.is(node.sweep.dropped, 1)
})

test('so is one that could not be read, and was fetched after its partition had moved away', (t) => {
  const disk = new Disk()
  disk.rows.set(nameOf(KEY), Uint8Array.of(1, 2, 3))
  const node = looked(disk)
  t.true(node.sweep.isClean)
  node.merge()
  node.world.timeline.run()
  node.commit()
  t.false(node.sweep.isClean)
  node.ticks()
  t.false(disk.rows.has(nameOf(KEY)))
  t.deepEqual([node.passedOn.length, node.sweep.dropped, node.sweep.isClean], [1, 1, true])
})

test('a row that this node owns stays, and makes it look for nothing', (t) => {
  const node = new Node()
  node.holders = ['me', 'a']
  node.sweep.tick(() => true)
  node.merge()
  node.world.timeline.run()
  node.commit()
  t.true(node.sweep.isClean)
  node.ticks()
  t.true(node.world.disk.rows.has(nameOf(KEY)))
  t.is(node.passedOn.length, 0)
})
