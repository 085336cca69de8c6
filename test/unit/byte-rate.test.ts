/** A rate that an operator set, kept over time, with nobody left waiting for ever. */
import test from 'ava'
import { ByteRate, type Lane } from '../../src/protocol/background/byte-rate.js'

const KiB = 1024
const MiB = 1024 * KiB
const TICK_MS = 25

/** What leaves, and when, in virtual time. */
class World {
  readonly rate: ByteRate
  nowMs = 0
  readonly left: {
    readonly lane: Lane
    readonly name: string
    readonly bytes: number
    readonly atMs: number
  }[] = []
  readonly dropped: string[] = []

  constructor(perSecond: number | undefined) {
    this.rate = new ByteRate(0, perSecond)
  }

  depart(lane: Lane, name: string, bytes: number, untilMs = Number.POSITIVE_INFINITY): void {
    this.rate.depart(lane, bytes, {
      leave: () => this.left.push({ lane, name, bytes, atMs: this.nowMs }),
      isWanted: () => this.nowMs < untilMs,
      drop: () => this.dropped.push(name),
    })
  }

  run(seconds: number, each: () => void = () => {}): void {
    for (const endMs = this.nowMs + seconds * 1_000; this.nowMs < endMs; ) {
      this.nowMs += TICK_MS
      this.rate.tick(this.nowMs)
      each()
    }
  }

  bytes(fromMs = 0, toMs = Number.POSITIVE_INFINITY): number {
    return this.left
      .filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
      .reduce((sum, { bytes }) => sum + bytes, 0)
  }
}

test('without a rate everything leaves within the call, whatever its size', (t) => {
  const world = new World(undefined)
  for (let i = 0; i < 3; i++) world.depart('given', `${i}`, 100 * MiB)
  t.deepEqual(
    world.left.map(({ name }) => name),
    ['0', '1', '2'],
  )
  t.true(world.rate.turn('swept'))
  world.rate.spend(MiB)
  t.true(world.rate.turn('swept'))
  t.is(world.rate.pieceBytes, Number.POSITIVE_INFINITY)
  t.false(world.rate.isWaiting)
})

test('the rate is kept over every stretch of time, and used to the full while there is something to send', (t) => {
  const world = new World(MiB)
  for (let i = 0; i < 4_000; i++) world.depart('given', `${i}`, 1_000 + ((i * 7_919) % 20_000))
  world.run(20)
  t.true(world.rate.isWaiting, 'there was more than enough')
  for (let fromMs = 0; fromMs < 19_000; fromMs += 500)
    for (const lastsMs of [TICK_MS, 250, 1_000])
      t.true(world.bytes(fromMs, fromMs + lastsMs) <= MiB * (lastsMs / 1_000 + 0.25) + 21_000)
  t.true(world.bytes() >= 20 * MiB, 'nothing of it is given away')
  t.deepEqual(
    world.left.map(({ name }) => name),
    world.left.map((_, index) => `${index}`),
    'in their order',
  )
})

test('what was not used is not saved up', (t) => {
  const world = new World(MiB)
  world.run(3_600)
  for (let i = 0; i < 1_000; i++) world.depart('given', `${i}`, 10 * KiB)
  world.run(1)
  t.true(world.bytes() <= 1.25 * MiB + 10 * KiB)
})

test('a row larger than all that is kept goes too, and is paid for before the next', (t) => {
  const world = new World(64 * KiB)
  world.depart('given', 'large', 8 * MiB)
  world.depart('given', 'next', 1)
  world.run(127)
  t.deepEqual(
    world.left.map(({ name }) => name),
    ['large'],
  )
  world.run(2)
  t.is(world.left.length, 2)
})

test('lanes take turns: an answer does not wait behind all that is given, and the other way round', (t) => {
  const world = new World(MiB)
  for (let i = 0; i < 2_000; i++) world.depart('given', `g${i}`, 16 * KiB)
  world.depart('asked', 'answer', 128 * KiB)
  world.depart('pages', 'page', 128 * KiB)
  world.run(1)
  const atOf = (name: string) => world.left.find((one) => one.name === name)?.atMs ?? Number.NaN
  t.true(atOf('answer') <= 500)
  t.true(atOf('page') <= 500)
  world.run(1)
  const given = world.left.filter(({ lane }) => lane === 'given').length
  world.run(10, () => world.depart('asked', 'more', 64 * KiB))
  t.true(world.left.filter(({ lane }) => lane === 'given').length > given + 100, 'nor can answers starve it')
})

test('what nobody waits for any more is dropped, and costs nothing', (t) => {
  const world = new World(64 * KiB)
  world.depart('given', 'first', MiB)
  world.depart('asked', 'late', MiB, 10_000)
  world.depart('asked', 'in time', 10, 20_000)
  world.run(17)
  t.deepEqual(world.dropped, ['late'])
  t.deepEqual(
    world.left.map(({ name }) => name),
    ['first', 'in time'],
  )
})

test('work that learns afterwards what it sends gets its turn among the others, once', (t) => {
  const world = new World(MiB)
  for (let i = 0; i < 200; i++) world.depart('given', `${i}`, 64 * KiB)
  let pages = 0
  t.false(world.rate.turn('swept'), 'others were here before')
  world.run(10, () => {
    if (!world.rate.turn('swept')) return
    pages++
    world.rate.spend(64 * KiB)
  })
  t.true(pages > 50 && pages < 100, `it has about half: ${pages} of 160`)
  t.true(world.bytes() + pages * 64 * KiB <= 10.25 * MiB + 128 * KiB)
})

test('a piece is worth an eighth of a second', (t) => {
  t.is(new ByteRate(0, 8 * MiB).pieceBytes, MiB)
})
