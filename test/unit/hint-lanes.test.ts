import test from 'ava'
import { makeRowKey, rowObject } from '../../src/kernel/index.js'
import type { HintCommit, HintEffect, HintOperation } from '../../src/protocol/hints/hint-lanes.js'
import { HintLanes } from '../../src/protocol/hints/hint-lanes.js'
import type { FallbackRecord } from '../../src/protocol/hints/record.js'
import { ActorSource } from '../../src/protocol/replica/actor.js'
import { objectOf, valuesOf } from '../model/objects.js'

const NOTHING = new Uint8Array(0)
const KEY = makeRowKey(Buffer.from('b'), Buffer.from('k'))
const A = 'a'.repeat(32)
const B = 'b'.repeat(32)

class Scene {
  readonly lanes = new HintLanes(new ActorSource('11'.repeat(8), 1))
  readonly out: HintEffect[] = []
  record: FallbackRecord | undefined | 'unreadable'

  submit(operation: HintOperation): void {
    this.lanes.submit(KEY, operation, this.out)
    for (const effect of this.out.splice(0)) {
      if (effect.kind === 'read-record') this.lanes.recordRead(effect.lane, this.record, this.out)
      else this.out.push(effect)
    }
  }

  /** Flushes, and lets the batch end well. */
  commit(): HintCommit | undefined {
    const [commit] = this.lanes.flush()
    if (commit === undefined) return undefined
    this.record = commit.record.targets.length > 0 ? commit.record : undefined
    this.lanes.committed(commit, undefined, this.out)
    return commit
  }

  settled(): string[] {
    const faults = this.out.flatMap((effect) => (effect.kind === 'settled' ? [effect.fault ?? 'ok'] : []))
    this.out.length = 0
    return faults
  }
}

function keep(object: Uint8Array, ...targets: string[]): HintOperation {
  return { kind: 'keep', conversation: 1, peer: '', messageId: 0, object, targets }
}

function release(target: string, number: number): HintOperation {
  return { kind: 'release', conversation: 2, target, number }
}

const valuesIn = (record: FallbackRecord) => valuesOf(rowObject(record.row))

test('what is kept is merged, target by target, and nothing is settled before its commit', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  scene.submit(keep(objectOf('y', { value: 'two' }), B))
  t.deepEqual(scene.settled(), [])
  const commit = scene.commit()!
  t.deepEqual(valuesIn(commit.record), ['one', 'two'])
  t.deepEqual(commit.record.targets, [A, B])
  t.deepEqual(scene.settled(), ['ok', 'ok'])
})

test('a target that has what was kept is let go; with the last one the record goes', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A, B))
  const { number } = scene.commit()!.record
  scene.submit(release(A, number))
  const first = scene.commit()!
  t.deepEqual(first.gone, [A])
  t.deepEqual(first.record.targets, [B])
  t.deepEqual(valuesIn(first.record), ['one'])
  scene.submit(release(B, number))
  const last = scene.commit()!
  t.deepEqual([last.gone, last.record.targets, last.record.row.length], [[B], [], 0])
})

test('a release for an earlier state releases nothing: there is something newer to give', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  const { number } = scene.commit()!.record
  scene.submit(keep(objectOf('y', { value: 'two' }), A))
  scene.submit(release(A, number))
  const commit = scene.commit()!
  t.deepEqual(commit.gone, [])
  t.deepEqual(commit.record.targets, [A])
  t.deepEqual(scene.settled(), ['ok', 'ok', 'ok'])
})

test('a release for a record that has gone bad since releases nothing of what took its place', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  const { number } = scene.commit()!.record
  scene.record = undefined
  scene.submit(keep(objectOf('y', { value: 'two' }), A))
  t.not(scene.commit()!.record.number, number)
  scene.submit(release(A, number))
  t.is(scene.commit(), undefined)
  t.deepEqual(scene.record, { ...(scene.record as unknown as FallbackRecord), targets: [A] })
})

test('nor does one for a record of an earlier process that was read to be delivered', (t) => {
  const scene = new Scene()
  scene.lanes.met(7)
  for (const value of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) scene.submit(keep(objectOf(value, { value }), A))
  scene.submit(release(A, 7))
  t.deepEqual(scene.commit()!.record.targets, [A])
})

test('what is kept for an owner by another owner names it anew each time, and holds no row', (t) => {
  const scene = new Scene()
  scene.submit(keep(NOTHING, A))
  const first = scene.commit()!.record
  t.is(first.row.length, 0)
  scene.submit(keep(NOTHING, A))
  scene.submit(release(A, first.number))
  t.deepEqual(scene.commit()!.record.targets, [A])
})

test('what is kept already is not written again, but rests on the batch that holds it', (t) => {
  const scene = new Scene()
  const object = objectOf('x', { value: 'one' })
  scene.submit(keep(object, A))
  const [commit] = scene.lanes.flush()
  scene.submit(keep(object, A))
  t.deepEqual(scene.settled(), [])
  t.deepEqual(scene.lanes.flush(), [])
  scene.lanes.committed(commit!, undefined, scene.out)
  t.deepEqual(scene.settled(), ['ok', 'ok'])
  t.is(scene.lanes.size, 0)
})

test('a write is minted under an actor that no other row has, and kept for all its targets', (t) => {
  const scene = new Scene()
  const write = {
    tombstone: false,
    incomplete: false,
    wallMs: 1,
    operation: NOTHING,
    operationIsClients: false,
    attributes: NOTHING,
    value: Buffer.from('mine'),
  }
  scene.submit({ kind: 'write', conversation: 1, write, context: NOTHING, targets: [A, B] })
  const first = scene.out.find((effect) => effect.kind === 'applied')!
  const { number, targets } = scene.commit()!.record
  t.deepEqual(targets, [A, B])
  scene.submit(release(A, number))
  scene.submit(release(B, number))
  scene.commit()
  scene.out.length = 0
  scene.submit({ kind: 'write', conversation: 1, write, context: NOTHING, targets: [A] })
  const second = scene.out.find((effect) => effect.kind === 'applied')!
  t.true(first.kind === 'applied' && second.kind === 'applied' && first.actor !== undefined)
  if (first.kind !== 'applied' || second.kind !== 'applied') return
  t.not(Buffer.compare(first.actor!, second.actor!), 0, 'the row with the first one is gone')
})

test('over a record that cannot be read now nothing is written', (t) => {
  const scene = new Scene()
  scene.record = 'unreadable'
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  t.deepEqual(scene.settled(), ['unavailable'])
  t.deepEqual(scene.lanes.flush(), [])
  t.is(scene.lanes.size, 0)
})

test('a failed batch takes all that stood on it', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  const [commit] = scene.lanes.flush()
  scene.submit(keep(objectOf('y', { value: 'two' }), A))
  scene.lanes.committed(commit!, 'unavailable', scene.out)
  t.deepEqual(scene.settled(), ['unavailable', 'unavailable'])
  t.deepEqual(scene.lanes.flush(), [])
})

test('bytes that are no object are refused', (t) => {
  const scene = new Scene()
  scene.submit(keep(Buffer.from('rubbish'), A))
  t.deepEqual(scene.settled(), ['refused'])
  t.deepEqual(scene.lanes.flush(), [])
})

test('what is kept anew in the turn in which the last hint goes does not replace what went: two commits, one after the other', (t) => {
  const scene = new Scene()
  scene.submit(keep(objectOf('x', { value: 'one' }), A))
  const { number } = scene.commit()!.record
  t.deepEqual(scene.settled(), ['ok'])
  scene.submit(release(A, number))
  scene.submit(keep(objectOf('y', { value: 'two' }), A, B))
  const commits = scene.lanes.flush()
  t.deepEqual(
    commits.map(({ before, record, gone }) => [before.targets, record.targets, gone]),
    [
      [[A], [], [A]],
      [[], [A, B], []],
    ],
  )
  t.deepEqual(valuesIn(commits[1]!.record), ['two'])
  t.deepEqual(scene.settled(), [])
  for (const commit of commits) scene.lanes.committed(commit, undefined, scene.out)
  t.deepEqual(scene.settled(), ['ok', 'ok'])
  t.is(scene.lanes.size, 0)
})
