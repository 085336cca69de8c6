/** What peers ask here for their clients is timed, now and then: the governor of a node that serves no client itself knows of nothing else. */
import test from 'ava'
import { PeerService } from '../../src/node/peer-service.js'

class World {
  nowMs = 1_000
  readonly took: number[] = []
  readonly service = new PeerService({ monotonicMs: () => this.nowMs, wallMs: () => 0 }, (tookMs) =>
    this.took.push(tookMs),
  )
}

test('one in four is timed, from its beginning to its end', (t) => {
  const world = new World()
  for (let id = 1; id <= 40; id++) {
    world.service.began('b', id)
    world.nowMs++
  }
  for (let id = 1; id <= 40; id++) world.service.ended('b', id)
  t.deepEqual(
    world.took,
    Array.from({ length: 10 }, (_, nth) => 40 - 4 * nth),
  )
})

test('numbers are those of one peer: another one that uses the same ends nothing', (t) => {
  const world = new World()
  world.service.began('b', 7)
  world.nowMs += 5
  world.service.ended('c', 7)
  t.deepEqual(world.took, [])
  world.service.ended('b', 7)
  world.service.ended('b', 7)
  t.deepEqual(world.took, [5], 'and once')
})

test('what is never answered is forgotten, and nothing grows', (t) => {
  const world = new World()
  for (let id = 1; id <= 4 * 65; id++) world.service.began('b', id)
  world.service.ended('b', 1)
  t.deepEqual(world.took, [], 'sixty-four were begun since')
  world.service.ended('b', 5)
  t.deepEqual(world.took, [0])
})
