/** What a node keeps for others, above a real guard on a scripted engine. */
import test from 'ava'
import { rowObject } from '../../src/kernel/index.js'
import type { RecordRead } from '../../src/node/guard/index.js'
import type { KeptRead } from '../../src/node/hints.js'
import { Hints } from '../../src/node/hints.js'
import type { HintEffect } from '../../src/protocol/hints/hint-lanes.js'
import { ActorSource } from '../../src/protocol/replica/actor.js'
import { objectOf, valuesOf } from '../model/objects.js'
import type { Disk } from './scripted-engine.js'
import { textOf } from './scripted-engine.js'
import { rowKeyOf, World } from './storage-world.js'

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const KEY = rowKeyOf('k')

class Scene {
  readonly world: World
  readonly hints: Hints
  readonly settled: string[] = []

  constructor(disk?: Disk, hintBytes = 10_000) {
    this.world = new World(disk)
    const { guard, timeline } = this.world
    this.world.open()
    this.world.engine.calls.length = 0
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const parts = { guard, scheduler: timeline.scheduler, log, hintBytes, lost: 'nothing' } as const
    this.hints = new Hints(parts, new ActorSource('11'.repeat(8), 1), {
      hintEffect: (effect) => this.#effect(effect),
      wake: () => {},
    })
    timeline.run()
  }

  #effect(effect: Exclude<HintEffect, { kind: 'read-record' }>): void {
    if (effect.kind === 'settled') this.settled.push(effect.fault ?? 'ok')
  }

  /** Until everything asked for is on the disk. */
  run(): void {
    for (let turn = 0; turn < 4; turn++) {
      this.world.timeline.run()
      this.hints.flush()
    }
    this.world.timeline.run()
  }

  keep(value: string, ...targets: string[]): void {
    const object = objectOf(value, { value })
    this.hints.submit(KEY, { kind: 'keep', conversation: 1, peer: '', messageId: 0, object, targets })
    this.run()
  }

  read(): KeptRead {
    let kept: KeptRead
    this.hints.read(KEY, (read) => {
      kept = read
    })
    this.world.timeline.run()
    return kept
  }

  release(target: string): void {
    const kept = this.read()
    const number = typeof kept === 'object' ? kept.number : 0
    this.hints.submit(KEY, { kind: 'release', conversation: 2, target, number })
    this.run()
  }

  hintsOf(target: string): string[] {
    const found: string[] = []
    this.hints.scan(target, undefined, (page) => found.push(...page.map(({ rowKey }) => textOf(rowKey))))
    this.world.timeline.run()
    return found
  }
}

test('record and hints are in one batch; what is kept can be found by key and by target', (t) => {
  const scene = new Scene()
  t.false(scene.hints.mayHold(KEY))
  scene.keep('one', A, B)
  t.is(scene.world.engine.calls.filter((call) => call.startsWith('batch')).length, 1)
  t.deepEqual(scene.settled, ['ok'])
  const kept = scene.read()
  t.true(typeof kept === 'object')
  if (typeof kept !== 'object') return
  t.deepEqual(valuesOf(rowObject(kept.row)), ['one'])
  t.true(scene.hints.mayHold(KEY))
  t.deepEqual(scene.hintsOf(A), [textOf(KEY)])
  t.deepEqual(scene.hintsOf(B), [textOf(KEY)])
  t.is(scene.hints.count.hints, 2)
  scene.release(A)
  t.deepEqual(scene.hintsOf(A), [])
  t.is(scene.hints.count.hints, 1)
  scene.release(B)
  t.deepEqual([scene.hints.count.hints, scene.hints.count.bytes, scene.hints.mayHold(KEY)], [0, 0, false])
  t.is(scene.read(), undefined)
})

test('a start counts what is there, and scans nothing where nothing is', (t) => {
  const first = new Scene()
  first.keep('one', A, B)
  const { bytes } = first.hints.count
  first.world.close()
  const second = new Scene(first.world.disk)
  t.true(second.world.engine.calls.includes('scan'))
  t.deepEqual([second.hints.count.hints, second.hints.count.bytes], [2, bytes])
  t.true(second.hints.mayHold(KEY))
  t.deepEqual([...second.hints.count.targets], [A, B])
  second.release(A)
  second.release(B)
  second.world.close()
  const third = new Scene(first.world.disk)
  t.deepEqual(third.world.engine.calls, ['getMany 1'])
  t.is(third.hints.refusal(10, false), undefined)
})

test('until what is there has been counted nothing is taken, and every look-up looks', (t) => {
  const first = new Scene()
  first.keep('one', A)
  first.world.close()
  const world = new World(first.world.disk)
  world.open()
  const { guard, timeline } = world
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  world.engine.failScans.push('io')
  const hints = new Hints(
    { guard, scheduler: timeline.scheduler, log, hintBytes: 10_000, lost: 'nothing' },
    new ActorSource('11'.repeat(8), 1),
    { hintEffect: () => {}, wake: () => {} },
  )
  timeline.run()
  t.is(hints.refusal(1, false), 'unavailable')
  t.true(hints.mayHold(rowKeyOf('another')))
  timeline.advance(1_000)
  t.is(hints.refusal(1, false), undefined)
  t.is(hints.count.hints, 1)
})

test('what lands while all is counted is counted once (seed 413260)', (t) => {
  const scene = new Scene()
  scene.keep('one', A, B)
  const kept = scene.read()
  const number = typeof kept === 'object' ? kept.number : 0
  scene.world.engine.failScans.push('io')
  scene.hints.reopened('nothing')
  scene.world.timeline.run()
  t.is(
    scene.hints.refusal(1, false),
    'unavailable',
    'the first page failed, and is asked for again after a while',
  )
  scene.hints.submit(KEY, { kind: 'release', conversation: 2, target: A, number })
  scene.run()
  scene.world.timeline.advance(1_000)
  t.is(scene.hints.refusal(1, false), undefined, 'all is counted')
  t.deepEqual([...scene.hints.count.targets], [B])
  t.is(scene.hints.count.hints, 1)
  scene.release(B)
  t.deepEqual([scene.hints.count.hints, scene.hints.count.bytes], [0, 0])
})

test('beyond the cap a hint is refused, one that counts for nothing beyond half of it; nothing is dropped', (t) => {
  const scene = new Scene(undefined, 1_000)
  scene.keep('one', A)
  const { bytes } = scene.hints.count
  t.is(scene.hints.refusal(500 - bytes, true), undefined)
  t.is(scene.hints.refusal(501 - bytes, true), 'full')
  t.is(scene.hints.refusal(1_000 - bytes, false), undefined)
  t.is(scene.hints.refusal(1_001 - bytes, false), 'full')
  t.is(scene.hints.count.refused, 2)
  t.is(scene.hints.count.hints, 1)
})

test('a damaged record is lost: its hint goes when its turn comes, and the key can be kept anew', (t) => {
  const scene = new Scene()
  scene.keep('one', A)
  const name = `f${textOf(KEY)}`
  const record = Uint8Array.from(scene.world.disk.rows.get(name)!)
  record[record.length - 1]! ^= 1
  scene.world.disk.rows.set(name, record)
  t.is(scene.read(), 'damaged')
  scene.release(A)
  t.deepEqual(scene.hintsOf(A), [])
  t.is(scene.read(), undefined)
  t.is(scene.hints.count.damaged, 1)
  scene.keep('two', B)
  t.deepEqual(scene.hintsOf(B), [textOf(KEY)])
})

test('guard: a record is shown when its batch has ended, and never as missing where it cannot be read', (t) => {
  const { world } = new Scene()
  const read = (): RecordRead | 'none yet' => {
    let answer: RecordRead | 'none yet' = 'none yet'
    world.guard.readRecord('fallback', KEY, (value) => {
      answer = value
    })
    world.timeline.run()
    return answer
  }
  const value = Buffer.from('kept')
  world.engine.eager = true
  world.engine.holdBatches = true
  world.write({ type: 'record', space: 'fallback', key: KEY, value })
  world.timeline.run()
  t.is(read(), 'none yet', 'it waits for the batch')
  world.engine.holdBatches = false
  world.engine.release()
  world.timeline.run()
  t.deepEqual(read(), value)
  world.engine.brokenKeys.add(`f${textOf(KEY)}`)
  t.is(read(), 'damaged')
})
