/** Rows that a node cannot read, and that nobody else has, hold no move up for ever; those that somebody may have, do. */
import test from 'ava'
import { Holes } from '../../src/node/holes.js'
import type { Effect, Machine } from '../../src/protocol/effects.js'
import { Trees } from '../../src/protocol/entropy/trees.js'
import { RecoverRowMachine } from '../../src/protocol/replica/recover-row.js'
import { ReplicaStatus } from '../../src/wire/messages.js'

const PARTITION = 1
const ROW_KEY = Buffer.from('4001016b6b', 'hex')
const RING = { high: 1, low: 2 }
const PLACEMENT = { ring: RING, owners: ['me', 'a', 'b'], holders: ['me', 'a', 'b', 'new'], beyond: [] }
const NOTHING = new Uint8Array(0)

/** A node whose only moving partition has a row that cannot be read. */
class Node {
  readonly trees = new Trees(4, false)
  readonly machines: Machine[] = []
  readonly told: unknown[] = []
  readonly holes: Holes
  nowMs = 0
  scans = 0
  #ends: ((outcome: unknown) => void)[] = []

  constructor(page: { readonly unreadable: boolean; readonly failed?: boolean } = { unreadable: true }) {
    const row = page.unreadable ? ('unreadable' as const) : NOTHING
    this.scanTree()
    const ring = {
      moving: new Map([[PARTITION, {}]]),
      partitions: 4,
      holders: Array.from({ length: 4 }, () => PLACEMENT.holders),
      rangeOf: () => ({ from: Uint8Array.of(0x40, 0), to: Uint8Array.of(0x80, 0) }),
      placementOf: () => PLACEMENT,
    }
    this.holes = new Holes({
      clock: { monotonicMs: () => this.nowMs },
      log: { warn: (event, fields) => this.told.push([event, fields]) },
      guard: {
        state: 'open',
        scan: (_range, done) => {
          this.scans++
          done({
            rows: [{ rowKey: ROW_KEY, row }],
            next: undefined,
            damaged: true,
            failed: page.failed === true,
          })
        },
      },
      membership: { self: 'me', ring: ring as never },
      conversations: {
        nextId: () => 7,
        begin: (machine, _nowMs, done) => {
          this.machines.push(machine)
          this.#ends.push(done)
        },
      },
      trees: this.trees,
    })
  }

  /** The tree is built by a scan that meets the row. */
  scanTree(): void {
    this.trees.doubtAll()
    for (let wish = this.trees.nextScan(); wish !== undefined; wish = this.trees.nextScan())
      this.trees.scanned({ rows: [{ rowKey: ROW_KEY, row: 'unreadable' }], next: undefined })
  }

  tick(): void {
    this.holes.tick(this.nowMs, () => true)
  }

  end(outcome: 'recovered' | 'nowhere' | 'later'): void {
    this.#ends.pop()!(outcome)
  }
}

test('a hole whose rows nobody has is closed, and told', (t) => {
  const node = new Node()
  t.true(node.trees.hasHole(PARTITION))
  node.tick()
  t.is(node.machines.length, 1)
  t.true(node.trees.hasHole(PARTITION), 'nobody has answered yet')
  node.end('nowhere')
  t.false(node.trees.hasHole(PARTITION))
  t.is(node.holes.leftBehind, 1)
  t.deepEqual(node.told, [['rows-left-behind', { partition: PARTITION, rows: 1 }]])
})

test('a hole stays while somebody who may have the row cannot be asked; it is asked again', (t) => {
  const node = new Node()
  node.tick()
  node.end('later')
  node.tick()
  t.is(node.scans, 1, 'not at once')
  t.true(node.trees.hasHole(PARTITION))
  node.nowMs = 5_000
  node.tick()
  t.is(node.scans, 2)
  node.end('recovered')
  t.true(node.trees.hasHole(PARTITION), 'the row that came back has its tree built anew')
  t.deepEqual([node.told.length, node.holes.leftBehind], [0, 0])
})

test('a scan that failed, or shows damage without a row, closes nothing', (t) => {
  for (const page of [{ unreadable: true, failed: true }, { unreadable: false }]) {
    const node = new Node(page)
    node.tick()
    t.deepEqual([node.machines.length, node.trees.hasHole(PARTITION)], [0, true])
  }
})

test('a hole that was found by a later scan is not closed by what was asked before', (t) => {
  const node = new Node()
  node.tick()
  node.scanTree()
  node.end('nowhere')
  t.true(node.trees.hasHole(PARTITION))
  t.is(node.holes.leftBehind, 0)
})

/** What comes of a row that is asked for, with these answers. */
function recovered(
  asked: 'majority' | 'everybody',
  answers: Readonly<Record<string, ReplicaStatus>>,
): unknown {
  const machine = new RecoverRowMachine(7, 'me', ROW_KEY, PLACEMENT, 5_000, asked)
  const out: Effect[] = []
  machine.start(0, out)
  machine.step({ kind: 'row', object: undefined } as never, 0, out)
  const to = out.flatMap((effect) => (effect.kind === 'send' ? [effect.to] : []))
  for (const from of to) {
    const status = answers[from]
    const message = { type: 4, id: 7, status, incomplete: false, object: NOTHING, state: NOTHING }
    if (status !== undefined) machine.step({ kind: 'answer', from, message } as never, 1, out)
  }
  machine.expire(5_000, out)
  return out.flatMap((effect) => (effect.kind === 'done' ? [effect.outcome] : []))[0]
}

test('a row is nowhere when a majority of the owners has none, or for a move when nobody at all has any', (t) => {
  const { missing, unknown } = ReplicaStatus
  t.is(recovered('majority', { a: missing, b: missing }), 'nowhere')
  t.is(recovered('everybody', { a: missing, b: missing }), 'later')
  t.is(recovered('everybody', { a: missing, b: unknown, new: missing }), 'later')
  t.is(recovered('everybody', { a: missing, b: missing, new: missing }), 'nowhere')
})
