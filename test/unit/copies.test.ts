/** Pages of rows for a backup: what a node shows, and when it says that there may be more. */
import test from 'ava'
import { digestOf, makeRowKey, rowObject, sealRow, setIncomplete } from '../../src/kernel/index.js'
import { Copies, type CopiesParts } from '../../src/node/copies.js'
import type { RecordPage, ScanPage } from '../../src/node/guard/index.js'
import type { CopiedRange, CopyRequest, Failure } from '../../src/node/requests.js'
import { Slices } from '../../src/node/slices.js'
import { encodeFallback } from '../../src/protocol/hints/record.js'
import { type CopiedPage, decodePage } from '../../src/wire/copied-rows.js'
import { putRow } from '../model/objects.js'

const KEY = makeRowKey(Buffer.from('b'), Buffer.from('k'))
const RING = { high: 1, low: 2 }
const OTHER_RING = { high: 3, low: 4 }
const ROW = Buffer.from(putRow(new Uint8Array(0), 'a', { value: 'v' }))
sealRow(KEY, ROW, 1)
const WHOLE = { next: undefined, damaged: false, failed: false }

function node() {
  const state = {
    page: { ...WHOLE, rows: [{ rowKey: KEY, row: ROW }] } as ScanPage,
    records: { ...WHOLE, records: [] } as RecordPage,
    isEmpty: false,
    lacksRows: false,
    grants: true,
    spent: 0,
    nowMs: 0,
    scans: 0,
    /** Called within a scan. */
    meanwhile: () => {},
  }
  const timers: (() => void)[] = []
  const ring = { digest: RING }
  const clock = { monotonicMs: () => state.nowMs, wallMs: () => 0 }
  const parts = {
    clock,
    scheduler: { after: (_: number, work: () => void) => void timers.push(work) },
    guard: {
      slices: new Slices(clock, { afterTurn: setImmediate }),
      scan: (_: unknown, done: (page: ScanPage) => void) => {
        state.scans++
        state.meanwhile()
        done(state.page)
      },
      scanRecords: (_: string, __: unknown, done: (page: RecordPage) => void) => done(state.records),
    },
    membership: {
      ring,
      get own() {
        return { incomplete: state.lacksRows }
      },
    },
    replica: {
      hints: {
        get isEmpty() {
          return state.isEmpty
        },
      },
    },
    governor: {
      may: () => state.grants,
      spend: (_: string, units: number) => {
        state.spent += units
      },
    },
  }
  const copies = new Copies(parts as unknown as CopiesParts)
  const ask = (of: CopyRequest['of']) => {
    let outcome: CopiedRange | Failure | undefined
    copies.begin({ of, from: new Uint8Array(0), to: undefined, deadlineMs: 1_000 }, (found) => {
      outcome = found
    })
    return () => outcome
  }
  const pageOf = (of: CopyRequest['of']): CopiedPage => {
    const outcome = ask(of)()
    if (outcome?.status !== 'ok') throw new Error(`no page: ${JSON.stringify(outcome)}`)
    return decodePage(outcome.page)
  }
  return { state, ring, timers, ask, pageOf }
}

test('rows are shown as objects, without what is this node’s own, or as digests of them', (t) => {
  const { pageOf } = node()
  const { rows, incomplete, ring, next } = pageOf('rows')
  t.deepEqual([incomplete, ring, next.length], [false, '0000000100000002', 0])
  t.deepEqual(Buffer.from(rows[0]!.object), Buffer.from(rowObject(ROW)))
  t.deepEqual(Buffer.from(pageOf('digests').rows[0]!.object), Buffer.from(digestOf(rowObject(ROW))))
})

test('whatever may be missing makes the page one that does not count', (t) => {
  const marked = Buffer.from(ROW)
  setIncomplete(marked, true)
  const spoils: Record<string, (state: ReturnType<typeof node>['state']) => void> = {
    'rows that were lost': (state) => Object.assign(state, { lacksRows: true }),
    'a page with damage': (state) => Object.assign(state, { page: { ...state.page, damaged: true } }),
    'a row over one that could not be read': (state) =>
      Object.assign(state, { page: { ...WHOLE, rows: [{ rowKey: KEY, row: marked }] } }),
    'an unreadable row': (state) =>
      Object.assign(state, { page: { ...WHOLE, rows: [{ rowKey: KEY, row: 'unreadable' }] } }),
  }
  for (const [what, spoil] of Object.entries(spoils)) {
    const { state, pageOf } = node()
    spoil(state)
    t.true(pageOf('rows').incomplete, what)
    t.true(pageOf('digests').incomplete, what)
  }
})

test('a page that cannot be read is no page', (t) => {
  const { state, ask } = node()
  state.page = { rows: [], next: undefined, damaged: true, failed: true }
  t.like(ask('rows')()!, { status: 'error', code: 'NOT_READY' })
  state.records = { records: [], next: undefined, damaged: true, failed: true }
  t.like(ask('kept')()!, { status: 'error', code: 'NOT_READY' })
})

test('rows that were read while the ring changed are read again', (t) => {
  const { state, ring, pageOf } = node()
  state.meanwhile = () => {
    if (state.scans === 1) ring.digest = OTHER_RING
  }
  t.is(pageOf('rows').ring, '0000000300000004')
  t.is(state.scans, 2)
})

test('what is kept for others is shown; a record for this node’s own row holds nothing', (t) => {
  const { state, pageOf } = node()
  const record = (row: Uint8Array) => encodeFallback({ number: 1, targets: ['ab'.repeat(16)], row })
  const other = makeRowKey(Buffer.from('b'), Buffer.from('other'))
  state.records = {
    ...WHOLE,
    records: [
      { key: KEY, value: record(ROW) },
      { key: other, value: record(new Uint8Array(0)) },
    ],
  }
  const { rows, incomplete } = pageOf('kept')
  t.deepEqual([rows.length, incomplete], [1, false])
  t.deepEqual(Buffer.from(rows[0]!.object), Buffer.from(rowObject(ROW)))
  for (const value of ['unreadable' as const, Uint8Array.of(9)]) {
    state.records = { ...WHOLE, records: [{ key: KEY, value }] }
    t.true(pageOf('kept').incomplete)
  }
  state.isEmpty = true
  t.deepEqual(pageOf('kept').rows, [])
})

test('a page waits until it is granted, and is refused when time is up; where nothing is kept nothing is granted', (t) => {
  const { state, timers, ask } = node()
  state.grants = false
  const waiting = ask('rows')
  timers.shift()!()
  t.is(waiting(), undefined)
  state.grants = true
  timers.shift()!()
  t.is(waiting()?.status, 'ok')
  t.true(state.spent > 1)
  state.grants = false
  const late = ask('rows')
  state.nowMs = 2_000
  timers.shift()!()
  t.like(late()!, { status: 'error', code: 'OVERLOADED' })
  state.isEmpty = true
  t.is(ask('kept')()?.status, 'ok')
})

test('more pages than fit are refused at once', (t) => {
  const { state, ask } = node()
  state.grants = false
  for (let page = 0; page < 32; page++) t.is(ask('rows')(), undefined)
  t.like(ask('rows')()!, { status: 'error', code: 'OVERLOADED' })
})
