import test from 'ava'
import { AnswerCheck } from '../sim/check/answer-check.js'
import { RowBook } from '../sim/check/row-book.js'
import { type Invariant, Violations } from '../sim/check/violation.js'
import {
  KNOWS_NOTHING,
  type Knowledge,
  Ledger,
  operationOf,
  valueBytesOf,
  type WriteEntry,
} from '../sim/ledger.js'
import { ReadClock, type ReadObject, type ReadSibling } from '../sim/object-reader.js'

const ACTOR = 'aa'.repeat(14)

/** A history on one key of three replicas, told step by step; answers are made up of writes by their names. */
class Story {
  readonly ledger = new Ledger()
  readonly violations = new Violations(() => 0)
  readonly book = new RowBook(this.ledger, this.violations)
  readonly check: AnswerCheck

  constructor() {
    const everywhere = {
      durableRows: () =>
        ['n1', 'n2'].map((node) => ({ node, row: undefined, kept: undefined, lostSomethingAt: 1 })),
    }
    this.check = new AnswerCheck(this.ledger, this.book, this.violations, everywhere, 3)
  }

  begin(kind: 'put' | 'delete', seen: Knowledge = KNOWS_NOTHING, sweeping = false): WriteEntry {
    return this.ledger.begin('k', { kind, sweeping, w: 2, valueBytes: 20, sloppy: false }, seen)
  }

  acked(kind: 'put' | 'delete', seen?: Knowledge): WriteEntry {
    const entry = this.begin(kind, seen)
    this.ledger.end(entry, 'acked')
    return entry
  }

  /** What a reader of these writes has seen. */
  seeing(...entries: WriteEntry[]): Knowledge {
    const ids = entries.map((entry) => entry.id)
    return this.ledger.key('k').closure(ids, (id) => this.ledger.find(id))
  }

  read(...entries: WriteEntry[]): readonly Invariant[] {
    const asked = { begunAt: this.ledger.step(), begunAtMs: 0, r: 2, strict: true }
    this.check.read('k', objectOf(entries), asked, 'a read')
    return this.violations.found.map((violation) => violation.invariant)
  }
}

function objectOf(entries: readonly WriteEntry[]): ReadObject {
  const clock = new ReadClock()
  clock.add(ACTOR, [1, 99])
  return { clock, clockBytes: new Uint8Array(0), siblings: entries.map(siblingOf) }
}

function siblingOf(entry: WriteEntry): ReadSibling {
  const tombstone = entry.kind === 'delete'
  const value = tombstone ? new Uint8Array(0) : valueBytesOf(entry.id, 1, entry.valueBytes)
  const operation = Buffer.from(operationOf(entry.id)).toString()
  return { dot: `${ACTOR}.${entry.id}`, tombstone, operation, wallMs: 0, value }
}

test('a read that shows all concurrent writes is right', (t) => {
  const story = new Story()
  t.deepEqual(story.read(story.acked('put'), story.acked('put')), [])
})

test('a read that misses an acknowledged write is caught', (t) => {
  const story = new Story()
  const shown = story.acked('put')
  story.acked('put')
  t.deepEqual(story.read(shown), ['A1'])
})

test('a write that was not acknowledged may be missing, and may be there', (t) => {
  const story = new Story()
  const shown = story.acked('put')
  const unsure = story.begin('put')
  story.ledger.end(unsure, 'unknown')
  t.deepEqual(story.read(shown), [])
  t.deepEqual(story.read(shown, unsure), [])
})

test('a superseded write may be missing, and must be', (t) => {
  const story = new Story()
  const old = story.acked('put')
  const newer = story.acked('put', story.seeing(old))
  t.deepEqual(story.read(newer), [])
  t.true(story.read(newer, old).includes('A2'))
})

test('what a context covers goes on through the writes that it covers', (t) => {
  const story = new Story()
  const first = story.acked('put')
  const second = story.acked('put', story.seeing(first))
  const third = story.acked('put', story.seeing(second))
  t.deepEqual([...third.covers].sort(), [first.id, second.id])
  t.deepEqual(story.read(third), [])
})

test('a deleted value that is back is caught', (t) => {
  const story = new Story()
  const value = story.acked('put')
  story.acked('delete', story.seeing(value))
  t.true(story.read(value).includes('A3'))
})

test('two versions of which one had seen the other are caught, acknowledged or not', (t) => {
  const story = new Story()
  const old = story.begin('put')
  const newer = story.begin('put', story.seeing(old))
  t.deepEqual(story.read(old, newer), ['A2'])
})

test('a dot with two values is caught', (t) => {
  const story = new Story()
  const [one, other] = [story.acked('put'), story.acked('put')]
  story.book.saw('k', objectOf([one]), 'here')
  const stolen = { ...siblingOf(other), dot: siblingOf(one).dot }
  story.book.saw('k', { ...objectOf([]), siblings: [stolen] }, 'there')
  t.is(story.violations.found[0]?.invariant, 'A7')
})

test('one write under two dots is caught, unless it was sent twice', (t) => {
  const story = new Story()
  const [once, twice] = [story.acked('put'), story.acked('put')]
  story.ledger.again(twice, false)
  for (const entry of [once, twice]) {
    const again = { ...siblingOf(entry), dot: `${ACTOR}.${entry.id + 50}` }
    story.book.saw('k', { ...objectOf([entry]), siblings: [siblingOf(entry), again] }, 'here')
  }
  t.deepEqual(
    story.violations.found.map((violation) => violation.invariant),
    ['A7'],
  )
})

test('bytes that nobody wrote are caught: of no client, of another key, cut short', (t) => {
  const story = new Story()
  const entry = story.acked('put')
  const whole = siblingOf(entry)
  const strange = [
    { ...whole, value: Buffer.from('hello') },
    { ...whole, value: whole.value.subarray(0, 10) },
    { ...whole, value: valueBytesOf(99, 1, 20) },
  ]
  strange.forEach((sibling, index) => {
    story.book.saw(
      'k',
      { ...objectOf([]), siblings: [{ ...sibling, dot: `${ACTOR}.${index + 60}` }] },
      'here',
    )
  })
  t.deepEqual(
    story.violations.found.map((violation) => violation.invariant),
    ['A12', 'A12', 'A12'],
  )
})

test('a write that was refused and is there is caught', (t) => {
  const story = new Story()
  const entry = story.begin('put')
  story.ledger.end(entry, 'refused')
  story.book.saw('k', objectOf([entry]), 'here')
  t.is(story.violations.found[0]?.invariant, 'A12')
})

test('an acknowledgement without the copies that it promises is caught', (t) => {
  const nowhere = {
    durableRows: () => [{ node: 'n1', row: undefined, kept: undefined, lostSomethingAt: -1 }],
  }
  const story = new Story()
  const check = new AnswerCheck(story.ledger, story.book, story.violations, nowhere, 3)
  const entry = story.acked('put')
  story.book.saw('k', objectOf([entry]), 'here')
  check.acknowledged(entry, 0)
  t.is(story.violations.found[0]?.invariant, 'A6')
})

test('an answer whose context covers a live version that nobody replaced is caught', (t) => {
  const story = new Story()
  const [mine, other] = [story.acked('put'), story.acked('put')]
  story.check.writtenContext(mine, [mine])
  t.false(story.violations.any)
  story.check.writtenContext(mine, [mine, other])
  t.is(story.violations.found[0]?.invariant, 'A2')
})

test('a delete without a context excuses what it may have removed, and nothing written after it', (t) => {
  const story = new Story()
  story.acked('put')
  const sweep = story.begin('delete', KNOWS_NOTHING, true)
  story.ledger.end(sweep, 'acked')
  t.deepEqual(story.read(sweep), [])
  story.acked('put')
  t.deepEqual(story.read(sweep), ['A1'])
})
