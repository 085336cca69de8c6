import test from 'ava'
import type { HandoffEffect, HintAt } from '../../src/protocol/hints/handoff.js'
import { Handoff } from '../../src/protocol/hints/handoff.js'

const UP = () => true
const DOWN = () => false

function hints(count: number, bytes = 100): HintAt[] {
  return Array.from({ length: count }, (_, index) => ({ rowKey: Uint8Array.of(index), bytes }))
}

function tick(handoff: Handoff, nowMs: number, isUp: (target: string) => boolean = UP): HandoffEffect[] {
  const out: HandoffEffect[] = []
  handoff.tick(nowMs, ['a'], isUp, 0, out)
  return out
}

function page(
  handoff: Handoff,
  found: readonly HintAt[],
  next: Uint8Array | undefined,
  nowMs: number,
): HandoffEffect[] {
  const out: HandoffEffect[] = []
  handoff.page('a', found, next, nowMs, out)
  return out
}

function ended(
  handoff: Handoff,
  hint: HintAt,
  outcome: 'done' | 'stuck' | 'failed',
  nowMs: number,
): HandoffEffect[] {
  const out: HandoffEffect[] = []
  handoff.ended('a', hint, outcome, nowMs, 0, out)
  return out
}

const kinds = (effects: readonly HandoffEffect[]) => effects.map(({ kind }) => kind)

test('nothing is asked for while the target is away; its hints are read when it is there', (t) => {
  const handoff = new Handoff()
  t.deepEqual(tick(handoff, 0, DOWN), [])
  t.deepEqual(tick(handoff, 10), [{ kind: 'scan', target: 'a', from: undefined }])
  t.deepEqual(tick(handoff, 20), [], 'one page at a time')
})

test('a target is being handed its hints while it is there and takes them', (t) => {
  const handoff = new Handoff()
  const all = hints(3)
  t.false(handoff.isHanding('a'))
  tick(handoff, 0, DOWN)
  t.false(handoff.isHanding('a'))
  tick(handoff, 10)
  t.true(handoff.isHanding('a'))
  page(handoff, all, undefined, 20)
  ended(handoff, all[0]!, 'done', 30)
  t.true(handoff.isHanding('a'))
  ended(handoff, all[1]!, 'failed', 40)
  t.false(handoff.isHanding('a'), 'it did not take one')
  const other = new Handoff()
  tick(other, 0)
  page(other, all, Uint8Array.of(9), 0)
  ended(other, all[0]!, 'stuck', 1)
  ended(other, all[1]!, 'done', 1)
  ended(other, all[2]!, 'done', 1)
  tick(other, 2)
  page(other, [], undefined, 2)
  t.false(other.isHanding('a'), 'one of a whole round could not be read')
})

test('pages are delivered in order, a bounded number and bounded bytes at a time', (t) => {
  const handoff = new Handoff()
  tick(handoff, 0)
  const all = hints(40)
  const first = page(handoff, all, Uint8Array.of(9), 0)
  t.is(first.length, 32)
  t.deepEqual(
    first.map((effect) => effect.kind === 'deliver' && effect.hint),
    all.slice(0, 32),
  )
  t.deepEqual(
    ended(handoff, all[0]!, 'done', 1).map((effect) => effect.kind === 'deliver' && effect.hint),
    [all[32]],
  )
  for (const hint of all.slice(1)) ended(handoff, hint, 'done', 2)
  t.deepEqual(tick(handoff, 3), [{ kind: 'scan', target: 'a', from: Uint8Array.of(9) }])
  const large = hints(4, 3 * 1024 * 1024)
  t.is(page(handoff, large, undefined, 4).length, 1, 'two would be more bytes than may be under way')
  t.is(page(new Handoff(), hints(1, 2 ** 30), undefined, 0).length, 0, 'nobody asked for this page')
})

test('one larger than the bound goes alone', (t) => {
  const handoff = new Handoff()
  tick(handoff, 0)
  t.deepEqual(kinds(page(handoff, hints(2, 2 ** 30), undefined, 0)), ['deliver'])
})

test('after a failure the target rests, longer each time, and then all is gone through from the start', (t) => {
  const handoff = new Handoff()
  const rests: number[] = []
  let now = 0
  for (let round = 0; round < 12; round++) {
    while (tick(handoff, now).length === 0) now += 10
    rests.push(now)
    const all = hints(3)
    page(handoff, all, Uint8Array.of(9), now)
    for (const hint of all) ended(handoff, hint, 'failed', now)
  }
  const gaps = rests.slice(1).map((at, index) => at - rests[index]!)
  t.true(
    gaps.every((gap, index) => index === 0 || gap >= gaps[index - 1]!),
    gaps.join(' '),
  )
  t.is(gaps[0], 130, 'three that fail together are one failure')
  t.true(gaps.at(-1)! <= 30_000)
})

test('a target that comes back is tried at once, whatever rest it had earned', (t) => {
  const handoff = new Handoff()
  let now = 0
  for (let round = 0; round < 8; round++) {
    while (tick(handoff, now).length === 0) now += 100
    const [hint] = hints(1)
    page(handoff, [hint!], undefined, now)
    ended(handoff, hint!, 'failed', now)
  }
  t.deepEqual(tick(handoff, now + 10), [])
  tick(handoff, now + 20, DOWN)
  t.deepEqual(kinds(tick(handoff, now + 30)), ['scan'])
})

test('what cannot be read keeps nobody else waiting, and is not asked for all the time', (t) => {
  const handoff = new Handoff()
  const scans: number[] = []
  for (let now = 0; now < 60_000; now += 10) {
    if (tick(handoff, now).length === 0) continue
    scans.push(now)
    const [stuck, other] = hints(2)
    t.is(page(handoff, [stuck!, other!], undefined, now).length, 2)
    ended(handoff, stuck!, 'stuck', now)
    ended(handoff, other!, 'done', now)
  }
  t.true(scans.length < 12, scans.join(' '))
})
