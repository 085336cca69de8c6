/** A storage guard over an engine that does not come to the end of a close. */
import test from 'ava'
import { limits } from '../../src/limits.js'
import { World } from './storage-world.js'

test('an engine that does not close is told of, once, and stays fenced', (t) => {
  const world = World.opened()
  world.engine.neverCloses = true
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  world.timeline.advance(limits.storageCloseMs - 1)
  t.deepEqual(world.events, ['log storage-fenced', 'fenced'])
  world.timeline.advance(1)
  world.timeline.advance(10 * limits.storageCloseMs)
  const [log, stuck, ...more] = world.events.slice(2)
  t.is(log, 'log storage-not-closed')
  t.regex(stuck!, /^stuck: The storage engine scripted does not come to the end of its close.*30 seconds/)
  t.deepEqual(more, [])
  t.is(world.guard.state, 'fenced')
  t.is(world.engine.calls.at(-1), 'close')
  // The next process finds what was acknowledged.
  t.is(new World(world.disk).open().lost, 'nothing')
})

test('an engine that closes in time is not told of later', (t) => {
  const world = World.opened()
  world.failToPut({ kind: 'io', keeps: 'nothing' })
  world.timeline.advance(10 * limits.storageCloseMs)
  t.false(world.events.some((event) => event.startsWith('stuck')))
})
