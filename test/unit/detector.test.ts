import test from 'ava'
import { Detector } from '../../src/protocol/liveness/detector.js'

const LOOK_MS = 25

/** Looks at a detector again and again; gives the time at which the peer was suspected, or undefined. */
function lookUntil(detector: Detector, fromMs: number, toMs: number): number | undefined {
  for (let now = fromMs; now <= toMs; now += LOOK_MS) if (detector.look(now)) return now
  return undefined
}

/** Probes that are answered after `tookMs`, one a second. */
function train(detector: Detector, tookMs: (round: number) => number, rounds: number): number {
  let now = 0
  for (let round = 0; round < rounds; round++) {
    const sentMs = round * 1000
    detector.look(sentMs)
    detector.probed(sentMs, 1000, 1)
    for (now = sentMs; now < sentMs + tookMs(round); now += LOOK_MS) detector.look(now)
    detector.probeAnswered(sentMs + tookMs(round))
    detector.answered(sentMs + tookMs(round))
    for (; now < sentMs + 1000; now += LOOK_MS) detector.look(now)
  }
  return rounds * 1000
}

test('a peer that stops answering is suspected within a second, once', (t) => {
  for (const rounds of [0, 1, 30]) {
    const detector = new Detector(0)
    const start = train(detector, () => 1, rounds)
    detector.look(start)
    detector.ask()
    const suspectedAt = lookUntil(detector, start, start + 5_000)
    t.true(suspectedAt !== undefined && suspectedAt - start <= 1_000, `${rounds} rounds: ${suspectedAt}`)
    t.true(suspectedAt! - start > 400, 'a short pause is forgiven')
    t.true(detector.suspected)
    t.is(lookUntil(detector, suspectedAt! + LOOK_MS, start + 9_000), undefined)
  }
})

test('nobody is suspected of whom nothing was asked, nor who answers in time', (t) => {
  const idle = new Detector(0)
  t.is(lookUntil(idle, 0, 60_000), undefined)
  const busy = new Detector(0)
  for (let now = 0; now < 60_000; now += LOOK_MS) {
    busy.ask()
    t.false(busy.look(now))
    if (now % 400 === 0) busy.answered(now)
  }
})

test('the first answer ends the suspicion, and says so once', (t) => {
  const detector = new Detector(0)
  detector.look(0)
  detector.ask()
  t.not(lookUntil(detector, 0, 5_000), undefined)
  t.true(detector.answered(5_100))
  t.false(detector.suspected)
  t.false(detector.answered(5_101))
  t.is(detector.phi(5_200), 0)
})

test('it learns how slow a peer is: what is long for one is usual for another', (t) => {
  const delays = [300, 700, 450, 900]
  const slow = new Detector(0)
  const now = train(slow, (round) => delays[round % delays.length]!, 40)
  slow.look(now)
  slow.ask()
  const patience = lookUntil(slow, now, now + 20_000)! - now
  t.true(patience > 1_300, `${patience}`)
  t.true(patience < 5_000, 'and yet its patience is bounded')
})

test('one long outage does not make it patient with the next', (t) => {
  const detector = new Detector(0)
  let now = train(detector, () => 2, 20)
  detector.look(now)
  detector.probed(now, 1_000, 1)
  lookUntil(detector, now, now + 3_000)
  for (now += 3_000; now < 60_000; now += LOOK_MS) detector.look(now)
  detector.probeAnswered(now)
  detector.answered(now)
  detector.ask()
  const again = lookUntil(detector, now, now + 30_000)! - now
  t.true(again < 5_000, `${again}`)
})

test('when this node itself stood still, nobody is blamed', (t) => {
  const detector = new Detector(0)
  detector.look(0)
  detector.ask()
  detector.look(25)
  t.false(detector.look(10_000))
  t.false(detector.look(10_025))
  t.not(lookUntil(detector, 10_050, 12_000), undefined, 'what stays silent afterwards is suspected')
})

test('probes: at rest as often as told, in doubt and in suspicion five times a second', (t) => {
  const detector = new Detector(0)
  const sent: number[] = []
  for (let now = 0; now <= 3_000; now += LOOK_MS) {
    detector.look(now)
    if (!detector.probeDue(now)) continue
    sent.push(now)
    detector.probed(now, 1_000, 1)
    detector.probeAnswered(now)
    detector.answered(now)
  }
  t.deepEqual(sent, [0, 1_000, 2_000, 3_000])
  sent.length = 0
  for (let now = 3_025; now <= 6_000; now += LOOK_MS) {
    detector.ask()
    detector.look(now)
    if (!detector.probeDue(now)) continue
    sent.push(now)
    detector.probed(now, 1_000, 1)
  }
  t.true(detector.suspected)
  t.true(sent.length >= 13 && sent.length <= 16, sent.join(' '))
})
