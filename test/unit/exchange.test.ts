/** Two replicas that differ, an exchange between them, and what is on the wire meanwhile. Real trees, real codec, no processes. */
import test from 'ava'
import { Conversation } from '../../bench/entropy/conversation.js'
import { byRowKey, MemoryReplica, makeRow, RING, type StoredRow } from '../../bench/entropy/replica.js'
import { mergeObjects, mergeObjectsBound, rowObject } from '../../src/kernel/index.js'
import { limits } from '../../src/limits.js'
import { Exchange, type ExchangeEffect, type ExchangeInput } from '../../src/protocol/entropy/exchange.js'
import type { Message } from '../../src/wire/messages.js'

const PARTITIONS = 16
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition)
const NOTHING = new Uint8Array(0)

interface Pair {
  readonly a: MemoryReplica
  readonly b: MemoryReplica
}

function pair(ours: readonly StoredRow[], theirs: readonly StoredRow[], partitions = PARTITIONS): Pair {
  const a = new MemoryReplica('a', ['a', 'b'], partitions)
  const b = new MemoryReplica('b', ['a', 'b'], partitions)
  a.fill([...ours].sort(byRowKey))
  b.fill([...theirs].sort(byRowKey))
  return { a, b }
}

function rows(from: number, to: number, versions = 1, valueBytes = 20): StoredRow[] {
  return Array.from({ length: to - from }, (_, index) =>
    makeRow(`key ${from + index}`, 1, versions, valueBytes),
  )
}

function objects({ rows: all }: MemoryReplica): string[] {
  return all.map(({ rowKey, row }) =>
    row === 'unreadable' ? 'unreadable' : Buffer.concat([rowKey, rowObject(row)]).toString('hex'),
  )
}

test('replicas that are alike exchange one digest', async (t) => {
  const { a, b } = pair(rows(0, 300), rows(0, 300))
  const { outcome, bytes, messages } = await new Conversation(a, b, ALL).run()
  t.like(outcome, { result: 'same', differing: 0, pulled: 0, pushed: 0 })
  t.is(messages, 2)
  t.true(bytes < 100)
  t.deepEqual(b.compared, [{ peer: 'a', chunk: 0, same: true }])
})

test('each side gets what it lacks, and nothing else is sent', async (t) => {
  const common = rows(20, 2000)
  const ours = [...rows(0, 10), ...rows(10, 15, 2), ...rows(15, 20)]
  const theirs = [...rows(10, 15), ...rows(15, 20, 3), ...rows(2000, 2007)]
  const { a, b } = pair([...ours, ...common], [...theirs, ...common])
  const { outcome, largest } = await new Conversation(a, b, ALL).run()
  // Ours alone, and our newer ones; theirs alone, and their newer ones.
  t.like(outcome, { result: 'repaired', pushed: 10 + 5, pulled: 7 + 5, falseAlarms: 0 })
  t.deepEqual(objects(a), objects(b))
  t.is(a.rows.length, 2007)
  t.true(largest < 64 * 1024)
  t.like((await new Conversation(a, b, ALL).run()).outcome, { result: 'same' })
})

test('partitions in which the asker stands first are gone through first', async (t) => {
  const { a, b } = pair(rows(0, 3000), [])
  const rankOf = (partition: number) => [1, 2, 0][partition % 3]!
  const ranks: number[] = []
  const merge = b.merge.bind(b)
  b.merge = (rowKey, object) => {
    ranks.push(rankOf(b.trees.shape.partitionOf(rowKey)))
    merge(rowKey, object)
  }
  t.like((await new Conversation(a, b, ALL, { rankOf }).run()).outcome, { result: 'repaired', pushed: 3000 })
  const third = (part: number) => ranks.slice(part * 1000, (part + 1) * 1000)
  const mean = (some: readonly number[]) => some.reduce((sum, rank) => sum + rank, 0) / some.length
  t.true(mean(third(0)) < 0.3 && mean(third(2)) > 1.7, `${[0, 1, 2].map((part) => mean(third(part)))}`)
})

test('an exchange with one that may lack rows, or cannot read some, is doubtful', async (t) => {
  const alike = pair(rows(0, 30), rows(0, 30))
  t.like((await new Conversation(alike.a, alike.b, ALL).run()).outcome, { result: 'same', doubtful: false })
  alike.b.incomplete = true
  t.like((await new Conversation(alike.a, alike.b, ALL).run()).outcome, { result: 'same', doubtful: true })
  // Neither has the row in its tree, and so their trees agree: one lacks it, the other cannot read it.
  const [broken, ...rest] = rows(0, 30)
  const { a, b } = pair(rest, [{ rowKey: broken!.rowKey, row: 'unreadable' }, ...rest])
  b.trees.doubtAll()
  t.truthy(b.trees.nextScan())
  b.trees.scanned({ rows: b.rows, next: undefined })
  t.like((await new Conversation(a, b, ALL).run()).outcome, { result: 'same', doubtful: true })
})

test('segments with few rows between them are read in one scan, others each in one of their own', async (t) => {
  const few = pair(rows(0, 500), [])
  const { outcome } = await new Conversation(few.a, few.b, ALL).run()
  t.like(outcome, { result: 'repaired', pushed: 500 })
  t.true(few.a.scans < 60, `${few.a.scans} scans for 500 rows`)
  const many = pair(rows(0, 60_000), rows(20, 60_000))
  t.like((await new Conversation(many.a, many.b, ALL).run()).outcome, { result: 'repaired', pushed: 20 })
  t.true(many.a.scans >= 18, `${many.a.scans} scans, so rows were read that nobody had asked for`)
  t.true(many.a.spent < 60, `${many.a.spent} units for 20 rows`)
})

test('a list of rows waits until it is granted', async (t) => {
  const { a, b } = pair(rows(0, 20), [])
  b.granted = false
  const conversation = new Conversation(a, b, ALL)
  const running = conversation.run()
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.is(b.scans, 0)
  t.true(b.lister.isWaiting)
  b.lister.tick()
  t.is(b.scans, 0)
  b.granted = true
  const ticking = setInterval(() => b.lister.tick(), 1)
  t.like((await running).outcome, { result: 'repaired', pushed: 20 })
  clearInterval(ticking)
  t.true(b.scans > 0)
})

test('one that hands hints to the asker has it wait', async (t) => {
  const { a, b } = pair(rows(0, 20), [])
  b.waits = true
  t.like((await new Conversation(a, b, ALL).run()).outcome, { result: 'overloaded', pushed: 0 })
  t.deepEqual(b.compared, [])
})

test('concurrent versions are joined on both sides', async (t) => {
  const [one, other] = [makeRow('key', 1, 1, 20), makeRow('key', 2, 1, 20)]
  const { a, b } = pair([one, ...rows(0, 50)], [other, ...rows(0, 50)])
  const { outcome } = await new Conversation(a, b, ALL).run()
  t.like(outcome, { result: 'repaired', pulled: 1, pushed: 1, differing: 1 })
  const [left, right] = [rowObject(one.row as Uint8Array), rowObject(other.row as Uint8Array)]
  const joined = Buffer.alloc(mergeObjectsBound(left, right))
  const length = mergeObjects(left, right, joined)
  t.deepEqual(Buffer.from(a.object(one.rowKey)!), joined.subarray(0, length))
  t.deepEqual(objects(a), objects(b))
})

test('100 differing keys of 20,000 cost at most three times their bytes and 64 KiB', async (t) => {
  const common = rows(100, 20_000)
  const ours = [...rows(0, 40), ...rows(70, 100, 2)]
  const theirs = [...rows(40, 70), ...rows(70, 100)]
  const { a, b } = pair([...ours, ...common], [...theirs, ...common], 256)
  const chunk = Array.from({ length: 256 }, (_, partition) => partition)
  const { outcome, bytes } = await new Conversation(a, b, chunk).run()
  t.is(outcome.pulled + outcome.pushed, 100)
  const own = [...ours, ...rows(40, 70)].reduce((sum, one) => sum + one.rowKey.length + one.row.length, 0)
  t.true(bytes <= 3 * own + 64 * 1024, `${bytes} bytes on the wire for ${own}`)
  t.deepEqual(objects(a), objects(b))
})

test('a replica that has nothing is filled in bounded pieces', async (t) => {
  // One partition of a small ring, so that a range of row keys holds many rows and answers are cut.
  const all = rows(0, 3_000, 1, 2_000)
  const { a, b } = pair([], all, 1)
  const sizes = new Set<number>()
  const conversation = new Conversation(a, b, [0])
  conversation.onAnswer = (message) => {
    if (message.type === 45) sizes.add(message.keys.length)
    if (message.type === 47) {
      t.true(message.rows.length <= limits.exchangeRows)
      const bytes = message.rows.reduce((sum, { object }) => sum + object.length, 0)
      t.true(bytes <= limits.exchangeBytes + 3_000)
    }
    return message
  }
  const { outcome, largest } = await conversation.run()
  t.like(outcome, { result: 'repaired', pulled: 3_000, pushed: 0 })
  t.true(Math.max(...sizes) <= limits.exchangeKeys + limits.treeScanRows)
  t.true(largest < limits.exchangeBytes + 64 * 1024)
  t.deepEqual(objects(a), objects(b))
})

test('rows larger than an answer go one by one', async (t) => {
  const large = [0, 1, 2].map((key) => makeRow(`large ${key}`, 1, 1, 700_000))
  const { a, b } = pair([large[0]!], [large[1]!, large[2]!], 1)
  const { outcome } = await new Conversation(a, b, [0]).run()
  t.like(outcome, { result: 'repaired', pulled: 2, pushed: 1 })
  t.deepEqual(objects(a), objects(b))
})

test('a row that cannot be read on one side is brought by the other', async (t) => {
  const all = rows(0, 60)
  const bad = (row: StoredRow): StoredRow => ({ rowKey: row.rowKey, row: 'unreadable' })
  const ours = all.map((row, index) => (index === 3 || index === 5 ? bad(row) : row))
  const theirs = all.map((row, index) => (index === 4 || index === 5 ? bad(row) : row))
  const { a, b } = pair(ours, theirs)
  const { outcome } = await new Conversation(a, b, ALL).run()
  t.like(outcome, { result: 'repaired', pulled: 1, pushed: 1 })
  t.deepEqual(Buffer.from(a.object(all[3]!.rowKey)!), Buffer.from(b.object(all[3]!.rowKey)!))
  t.deepEqual(Buffer.from(a.object(all[4]!.rowKey)!), Buffer.from(b.object(all[4]!.rowKey)!))
  t.is(a.object(all[5]!.rowKey), undefined, 'nobody can bring this one')
})

test('what came between the comparing and the sending is joined, not overwritten', async (t) => {
  const { a, b } = pair([makeRow('key', 1, 1, 20)], [makeRow('key', 2, 1, 20)])
  const late = makeRow('key', 3, 1, 20)
  const conversation = new Conversation(a, b, ALL)
  conversation.onAnswer = (message) => {
    if (message.type === 47) {
      a.merge(late.rowKey, rowObject(late.row as Uint8Array))
      b.merge(late.rowKey, rowObject(makeRow('key', 4, 1, 20).row as Uint8Array))
    }
    return message
  }
  t.is((await conversation.run()).outcome.result, 'repaired')
  t.like((await new Conversation(a, b, ALL).run()).outcome, { result: 'repaired' })
  t.deepEqual(objects(a), objects(b))
  for (const actor of [1, 2, 3, 4]) t.true(objects(a)[0]!.includes(Buffer.alloc(14, actor).toString('hex')))
})

/** Ends an exchange by changing one answer. */
async function endedBy(change: (message: Message) => Message): Promise<string> {
  const { a, b } = pair(rows(0, 40, 2), rows(0, 60))
  const conversation = new Conversation(a, b, ALL)
  conversation.onAnswer = change
  return (await conversation.run()).outcome.result
}

test('answers that say no, or make no sense, end it', async (t) => {
  const refused = (type: number, change: Partial<Message>) =>
    endedBy((message) => (message.type === type ? ({ ...message, ...change } as Message) : message))
  t.is(await refused(41, { status: 4 }), 'stale')
  t.is(await refused(43, { status: 5 }), 'unavailable')
  t.is(await refused(45, { status: 7 }), 'overloaded')
  t.is(await refused(47, { status: 5 }), 'unavailable')
  t.is(await refused(2, { status: 6 }), 'full')
  t.is(await refused(41, { roots: Buffer.alloc(16) }), 'refused')
  t.is(await refused(43, { nodes: Buffer.alloc(16) }), 'refused')
  t.is(await refused(47, { rows: [] }), 'refused')
  t.is(await refused(45, { next: Uint8Array.of(0) }), 'refused', 'a list that goes backwards')
  const unsorted = [{ rowKey: Buffer.from('zz\x01bk'), digest: Buffer.alloc(16, 1) }]
  t.is(await refused(45, { keys: [...unsorted, ...unsorted] }), 'refused')
  const tooMany = Array.from({ length: 1000 }, () => ({ wants: false, object: NOTHING }))
  t.is(await refused(47, { rows: tooMany }), 'refused')
})

function started(deadlineMs = 60_000): { exchange: Exchange; a: MemoryReplica; out: ExchangeEffect[] } {
  const { a } = pair(rows(0, 400), [])
  let lastId = 7
  const nextId = () => ++lastId
  const where = { peer: 'b', ring: RING, ringOf: () => RING, chunk: 0, partitions: ALL }
  const task = { id: 7, nextId, ...where, rankOf: () => 0, deadlineMs }
  const exchange = new Exchange(task, a.trees)
  const out: ExchangeEffect[] = []
  exchange.start(0, out)
  return { exchange, a, out }
}

test('silence, a lost peer, another ring and a storage that fails end it, once', (t) => {
  const endings: [string, (exchange: Exchange, out: ExchangeEffect[]) => void][] = [
    ['silent', (exchange, out) => exchange.tick(limits.exchangeAnswerMs, out)],
    ['lost', (exchange, out) => exchange.step({ kind: 'lost', to: 'b' }, 1, out)],
    ['lost', (exchange, out) => exchange.step({ kind: 'unsent', to: 'b' }, 1, out)],
    ['stale', (exchange, out) => exchange.abandon(out)],
    ['storage', (exchange, out) => exchange.step({ kind: 'settled', fault: 'full' }, 1, out)],
  ]
  for (const [result, end] of endings) {
    const { exchange, out } = started()
    exchange.tick(limits.exchangeAnswerMs - 1, out)
    exchange.step({ kind: 'lost', to: 'c' }, 1, out)
    t.is(out.length, 1)
    end(exchange, out)
    end(exchange, out)
    t.is(out.length, 2)
    t.like(out[1], { kind: 'ended', outcome: { result } })
  }
})

test('one whose time is up goes no further; answers of others and of another kind are not heard', (t) => {
  const { exchange, a, out } = started(50)
  const answer: Message = {
    type: 41,
    id: 7,
    status: 0,
    incomplete: false,
    roots: Buffer.alloc(16 * PARTITIONS),
  }
  exchange.step({ kind: 'answer', from: 'c', message: answer }, 10, out)
  exchange.step(
    { kind: 'answer', from: 'b', message: { type: 43, id: 7, status: 0, incomplete: false, nodes: NOTHING } },
    10,
    out,
  )
  t.is(out.length, 1)
  t.true(a.rows.length > 0)
  exchange.step({ kind: 'answer', from: 'b', message: answer }, 60, out)
  t.like(out[1], { kind: 'ended', outcome: { result: 'late', differing: PARTITIONS } })
})

test('what answers an earlier question, and comes twice or late, answers none that is under way', (t) => {
  const { exchange, out } = started()
  const roots = Buffer.alloc(16 * PARTITIONS)
  exchange.step(answered({ type: 41, id: 7, status: 0, incomplete: false, roots }), 10, out)
  const asked = (): Message & { type: 42 } => {
    const effect = out.at(-1)
    if (effect?.kind !== 'send' || effect.message.type !== 42) throw new Error('no question about nodes')
    t.is(effect.conversation, effect.message.id)
    return effect.message
  }
  const first = asked()
  const nodes = Buffer.alloc(first.places.length * 8 * 16)
  const answer = answered({ type: 43, id: first.id, status: 0, incomplete: false, nodes })
  exchange.step(answer, 20, out)
  const second = asked()
  t.not(second.id, first.id)
  exchange.step(answer, 30, out)
  t.is(asked(), second)
})

function answered(message: Message): ExchangeInput {
  return { kind: 'answer', from: 'b', message }
}

test('questions that make no sense, or come under another table, are refused', (t) => {
  const { b } = pair([], rows(0, 30))
  const asked = (message: Message): number => {
    const { answers, said } = b
    if (message.type === 40) answers.roots('a', message)
    else if (message.type === 42) answers.nodes('a', message)
    else if (message.type === 44) answers.keys('a', message)
    else if (message.type === 46) answers.rows('a', message)
    return (said.shift() as { status: number }).status
  }
  const [id, ring] = [1, RING]
  const digest = Buffer.alloc(16)
  t.is(asked({ type: 40, id, ring: { high: 9, low: 9 }, chunk: 0, digest }), 4)
  t.is(asked({ type: 40, id, ring, chunk: 1, digest }), 8)
  const place = (partition: number, level: number, node: number): Message => ({
    type: 42,
    id,
    ring,
    places: [{ partition, level, node }],
  })
  t.is(asked(place(PARTITIONS, 0, 0)), 8)
  t.is(asked(place(0, 200, 0)), 8)
  t.is(asked(place(0, 1, 8)), 8)
  t.is(asked(place(0, 0, 0)), 0)
  const places = Array.from({ length: limits.exchangePlaces + 1 }, () => ({
    partition: 0,
    level: 0,
    node: 0,
  }))
  t.is(asked({ type: 42, id, ring, places }), 8)
  t.is(asked({ type: 44, id, ring, from: NOTHING, segments: [2 ** 20] }), 8)
  t.is(asked({ type: 46, id, ring, keys: [] }), 8)
  b.trees.doubtPartition(3)
  t.is(asked({ type: 40, id, ring, chunk: 0, digest }), 5)
  t.is(asked(place(3, 0, 0)), 5)
  b.state = 'fenced'
  t.is(asked(place(0, 0, 0)), 5)
})

test('while rows that it gives are held back here it goes on waiting for the peer; else it gives up', (t) => {
  const { a } = pair(rows(0, 10), [])
  const where = { peer: 'b', ring: RING, ringOf: () => RING, chunk: 0, partitions: ALL, rankOf: () => 0 }
  const exchange = new Exchange({ id: 1, nextId: () => 2, deadlineMs: 60_000, ...where }, a.trees)
  const out: ExchangeEffect[] = []
  exchange.start(0, out)
  for (let nowMs = 0; nowMs <= 10 * limits.exchangeAnswerMs; nowMs += 1_000) {
    exchange.isHeldBack(nowMs)
    exchange.tick(nowMs, out)
  }
  t.deepEqual(
    out.map(({ kind }) => kind),
    ['send'],
  )
  exchange.tick(11 * limits.exchangeAnswerMs, out)
  t.like(out.at(-1), { kind: 'ended', outcome: { result: 'silent' } })
})
