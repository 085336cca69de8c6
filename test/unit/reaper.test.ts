/** Who conducts rounds of reaping yields to clients: none begins, no page is scanned, beyond what is granted; and a round is no larger than that. */
import test from 'ava'
import { makeRowKey } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { Reaper, type ReaperParts } from '../../src/node/reaper.js'
import { Governor } from '../../src/protocol/background/governor.js'
import type { Effect } from '../../src/protocol/effects.js'
import { ReapMarks } from '../../src/protocol/reaping/marks.js'
import { objectOf } from '../model/objects.js'

const SELF = 'me'
const GONE = objectOf('x', { tombstone: true })

/** The only member, first owner of more tombstones than any round takes. */
function conductor() {
  const governor = new Governor(0, limits.background)
  const asked: number[] = []
  const scans: boolean[] = []
  let nowMs = 0
  const graves = Array.from({ length: 2 * limits.reapKeys }, (_, index) => ({
    rowKey: makeRowKey(Buffer.from('b'), Buffer.from(`k${index}`)),
    isLive: false,
    sinceMs: 0,
  }))
  const parts = {
    governor,
    everyMs: 10,
    afterMs: 0,
    shedAfterMs: 0,
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs },
    random: { below: () => 0, bytes: () => new Uint8Array(8) },
    log: { debug: () => {} },
    peers: { isUp: () => true },
    conversations: { nextId: () => 1, rowKeys: () => [] },
    guard: { state: 'open', slices: { run: (_: string, slice: () => unknown) => slice() } },
    membership: {
      self: SELF,
      confirmed: true,
      digest: new Uint8Array(16),
      own: { incomplete: false },
      ring: { ownersOf: () => [SELF], partitionOf: () => 0, moving: new Map() },
      state: { changes: [{ kind: 'join', member: SELF }], facts: [{ id: SELF, incomplete: false }] },
    },
    replica: {
      marks: new ReapMarks(),
      tombstones: {
        count: graves.length,
        crowded: 0,
        kindOf: () => 'tombstone',
        nowMs: 0,
        tick: (_: number, granted: () => boolean) => scans.push(granted()),
        due: ({ most }: { most: number }) => graves.slice(0, most),
        forget: () => {},
      },
      readMany: (keys: readonly Uint8Array[], done: (rows: unknown[]) => void) =>
        done(keys.map(() => ({ object: GONE, known: true, incomplete: false }))),
    },
    perform: ({ message }: Extract<Effect, { kind: 'send' }>) => {
      if (message.type === 48) asked.push(message.keys.length)
    },
  }
  const reaper = new Reaper(parts as unknown as ReaperParts)
  const tick = (ms: number) => {
    nowMs += ms
    governor.tick(nowMs)
    reaper.tick(nowMs)
  }
  return { governor, asked, scans, tick, owe: (units: number) => governor.spend('reaping', units) }
}

test('no round begins and no page is scanned while reaping owes units, and both do once they are paid off', (t) => {
  const { governor, asked, scans, tick, owe } = conductor()
  owe(governor.grant)
  for (let ms = 0; ms < 450; ms += 25) tick(25)
  t.deepEqual([asked.length, scans.includes(true)], [0, false])
  for (let ms = 0; ms < 600; ms += 25) tick(25)
  t.deepEqual([asked.length, scans.includes(true)], [1, true])
})

test('a round takes no more keys than the grant leaves room for, and is paid for', (t) => {
  const { governor, asked, tick } = conductor()
  tick(25)
  t.is(asked.length, 1)
  t.true(asked[0]! <= Math.max(32, governor.grant / 4), `${asked[0]} keys`)
  t.true(asked[0]! >= 32)
  t.true(governor.spentBy('reaping') >= asked[0]! / 16)
})
