/** What the chaos suite decides from a seed, what it takes from a command line, and what it says of a run. */
import test from 'ava'
import { Keys } from '../chaos/keys.js'
import { optionsFrom, UsageError } from '../chaos/options.js'
import type { Machine } from '../chaos/probe.js'
import { possible } from '../chaos/probe.js'
import { availabilityLines, faultLines, verdictLines } from '../chaos/report.js'
import { FAULTS, NETWORK_FAULTS, NODE_FAULTS, schedule } from '../chaos/schedule.js'
import type { Violation } from '../sim/check/violation.js'

const COURSE = { nodes: 3, durationMs: 120_000 }

test('a seed gives one schedule, another seed another', (t) => {
  const once = schedule('7', 'nodes', NODE_FAULTS, COURSE)
  t.deepEqual(schedule('7', 'nodes', NODE_FAULTS, COURSE), once)
  t.notDeepEqual(schedule('8', 'nodes', NODE_FAULTS, COURSE), once)
})

test('every kind of fault comes up before one comes up again, and the time is filled', (t) => {
  for (const seed of ['1', '2', '3']) {
    const episodes = schedule(seed, 'network', NETWORK_FAULTS, COURSE)
    const first = episodes.slice(0, NETWORK_FAULTS.length).map(({ fault }) => fault)
    t.deepEqual(first.sort(), [...NETWORK_FAULTS].sort())
    const spentMs = episodes.reduce((sum, { calmMs, lastsMs }) => sum + calmMs + lastsMs, 0)
    t.true(spentMs >= COURSE.durationMs)
    for (const { order } of episodes) t.deepEqual([...order].sort(), [0, 1, 2])
  }
})

test('no faults, no episodes', (t) => {
  t.deepEqual(schedule('1', 'nodes', [], COURSE), [])
})

test('the command line: what it takes and what it refuses', (t) => {
  t.like(optionsFrom([]), { durationMs: 60_000, seed: '1', nodes: 3, only: FAULTS })
  const given = optionsFrom(['--minutes', '10', '--seed', '5', '--nodes', '5', '--only', 'kill,pause'])
  t.like(given, { durationMs: 600_000, seed: '5', nodes: 5, only: ['kill', 'pause'] })
  for (const wrong of [
    ['--only', 'earthquake'],
    ['--nodes', '0'],
    ['--nodes', 'x'],
    ['--minutes', '-1'],
    ['--minutes', '1', '--seconds', '1'],
    ['--canary', 'no such bug'],
    ['--what'],
    ['--help'],
  ])
    t.throws(() => optionsFrom(wrong), { instanceOf: UsageError }, wrong.join(' '))
})

test('what the machine cannot do is not run, and said so; it never counts as passed', (t) => {
  const machine: Machine = {
    disk: 'plain',
    fakeTime: undefined,
    cannot: new Map([['clock-jump', 'no library']]),
  }
  t.false(possible(machine).includes('clock-jump'))
  t.deepEqual(faultLines(['kill', 'pause', 'clock-jump'], machine, new Map([['kill', 2]])), [
    'faults run: kill 2',
    'faults not run: pause (the time was over before its turn), clock-jump (no library)',
  ])
})

test('a promise is kept, broken, or not checked; what is not checked has no mark', (t) => {
  const violations: Violation[] = [{ invariant: 'A1', timeMs: 0, sentence: 'put 7 is gone' }]
  const lines = verdictLines({ checked: new Set(['A1', 'A2']), violations })
  const about = (name: string) => lines.find((line) => line.includes(` ${name} `)) ?? ''
  t.regex(about('A1'), /^ {2}✘ A1/)
  t.true(lines.some((line) => line.includes('put 7 is gone')))
  t.regex(about('A2'), /^ {2}✔ A2/)
  t.regex(about('A3'), /^ {2}- A3 not checked/)
})

test('availability counts what clients were told, not what the ending asks', (t) => {
  const asked = (op: number, client: string, f: 'get' | 'put') =>
    ({ type: 'invoke', at: op, op, client, node: 'n1', f, key: 'k' }) as const
  const lines = availabilityLines([
    asked(1, 'c1', 'put'),
    { type: 'ok', at: 1, op: 1 },
    asked(2, 'c1', 'put'),
    { type: 'info', at: 2, op: 2 },
    asked(3, 'ending', 'put'),
    { type: 'ok', at: 3, op: 3 },
    asked(4, 'c1', 'get'),
    { type: 'fail', at: 4, op: 4 },
  ])
  t.deepEqual(lines, ['reads: 0.0 % done (0), 1 not', 'writes: 50.0 % done (1), 0 certainly not, 1 unknown'])
})

test('the key of a slot is retired after a number of writes, and stays among those that are judged', (t) => {
  const keys = new Keys()
  const slot = { workload: 'many', number: 0 } as const
  const first = keys.current(slot)
  keys.writing(slot, first)
  t.not(keys.current(slot), first)
  // A write under way on a key that is retired already does not retire the next one too.
  const second = keys.current(slot)
  keys.writing(slot, first)
  t.is(keys.current(slot), second)
  t.deepEqual([...keys.all], [first])
})
