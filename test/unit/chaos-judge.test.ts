/** The judge of the chaos suite is given histories with one thing wrong in each: a judge that finds nothing here would find nothing anywhere. */
import test from 'ava'
import type { Completion, HistoryEvent, Invocation } from '../chaos/history.js'
import { Judge } from '../chaos/judge.js'

interface Shown {
  readonly node?: string
  readonly r?: number
  readonly etag?: string
  readonly foreign?: readonly string[]
  readonly final?: true
}

/** A history told line by line; every request is answered before the next unless it says otherwise. */
class Told {
  readonly events: HistoryEvent[] = []
  #ops = 0
  #writes = 0

  put(context?: number, end: Completion['type'] | 'never' = 'ok', w = 2): { op: number; write: number } {
    this.#writes += 1
    return { op: this.#write('put', this.#writes, 1, context, end, w), write: this.#writes }
  }

  again(write: number, node: string, context?: number): number {
    return this.#write('put', write, 2, context, 'ok', 2, node)
  }

  delete(context?: number): number {
    this.#writes += 1
    return this.#write('delete', this.#writes, 1, context, 'ok', 2)
  }

  #write(
    f: 'put' | 'delete',
    write: number,
    attempt: number,
    context: number | undefined,
    end: Completion['type'] | 'never',
    w: number,
    node = 'n1',
  ): number {
    const asked = { f, write, attempt, w, valueBytes: 20, node, ...(context !== undefined && { context }) }
    return this.#ask(asked, end, {})
  }

  read(seen: number[], more: Shown = {}): number {
    const { node = 'n2', r = 2, etag = '', foreign, final } = more
    const asked = { f: 'get', node, r, ...(final && { final }) } as const
    return this.#ask(asked, 'ok', { seen, etag, ...(foreign && { foreign }) })
  }

  list(keys: string[], final?: true): void {
    this.#ask({ f: 'list', node: 'n1', ...(final && { final }) }, 'ok', { keys })
  }

  /** Read at every node in the end; each node shows what is said for it. */
  end(...shown: number[][]): void {
    for (const [index, seen] of shown.entries())
      this.read(seen, { node: `n${index + 1}`, r: 1, final: true, etag: `e${seen.join()}` })
  }

  #ask(
    asked: Partial<Invocation> & Pick<Invocation, 'f' | 'node'>,
    end: Completion['type'] | 'never',
    told: Partial<Completion>,
  ): number {
    this.#ops += 1
    const op = this.#ops
    this.events.push({ type: 'invoke', at: op, op, client: 'c1', key: 'k', ...asked })
    if (end !== 'never') this.events.push({ type: end, at: op, op, ...told } as Completion)
    return op
  }

  found(nodes = 3): string[] {
    const judge = new Judge({ nodes, n: 3 })
    judge.replay(this.events)
    return judge.violations.found.map(({ invariant }) => invariant)
  }
}

test('reading, changing, writing, deleting and concurrent writes, all told truly, break nothing', (t) => {
  const told = new Told()
  told.put()
  told.put()
  const both = told.read([1, 2])
  told.put(both)
  told.delete(told.read([3]))
  told.put(undefined, 'info')
  told.put(undefined, 'fail')
  told.put(both)
  told.read([7])
  told.end([7], [7], [7])
  told.list(['k'], true)
  t.deepEqual(told.found(), [])
})

test('a lost write is found by the next read, and in the end', (t) => {
  const early = new Told()
  early.put()
  early.read([])
  t.deepEqual(early.found(), ['A1'])
  const late = new Told()
  const { op } = late.put()
  late.put()
  late.read([1, 2], { r: 1 })
  late.put(op)
  late.end([3], [3], [3])
  t.true(late.found().every((invariant) => invariant === 'A1'))
  t.true(late.found().length > 0)
})

test('what had been superseded unseen is a lost write: the context did not cover it', (t) => {
  const told = new Told()
  const seen = told.read([])
  told.put()
  told.put(seen)
  told.end([2], [2], [2])
  t.deepEqual([...new Set(told.found())], ['A1'])
})

test('a deleted value that comes back is found', (t) => {
  const told = new Told()
  const { op } = told.put()
  told.delete(op)
  told.end([1], [1], [1])
  t.true(told.found().includes('A3'))
  const live = new Told()
  live.delete(live.put().op)
  live.read([1])
  t.deepEqual(live.found(), ['A3'])
})

test('what an acknowledged delete without a context must have swept does not come back', (t) => {
  const told = new Told()
  told.put()
  told.delete()
  told.read([1])
  t.deepEqual(told.found(), ['A3'])
})

test('a false sibling is found: superseded, and still beside what replaced it', (t) => {
  const told = new Told()
  const { op } = told.put()
  told.put(op, 'info')
  told.read([1, 2], { r: 1 })
  t.deepEqual(told.found(), ['A2'])
})

test('a superseded value that is shown alone is found', (t) => {
  const told = new Told()
  const { op } = told.put()
  told.put(op)
  told.read([1])
  t.deepEqual([...new Set(told.found())].sort(), ['A1', 'A2'])
})

test('a key about which nodes differ in the end is found', (t) => {
  const told = new Told()
  told.put(undefined, 'info')
  told.end([1], [], [1])
  t.deepEqual(told.found(), ['A4'])
  const tagged = new Told()
  tagged.put()
  tagged.read([1], { node: 'n1', final: true, etag: 'a' })
  tagged.read([1], { node: 'n2', final: true, etag: 'b' })
  t.deepEqual(tagged.found(), ['A4'])
})

test('bytes that nobody wrote, a refused write that is there, and a write that is there twice are found', (t) => {
  const foreign = new Told()
  foreign.read([], { foreign: ["3 bytes 'abc'"] })
  t.deepEqual(foreign.found(), ['A12'])
  const unheard = new Told()
  unheard.read([7])
  t.deepEqual(unheard.found(), ['A12'])
  const refused = new Told()
  refused.put(undefined, 'fail')
  refused.read([1])
  t.deepEqual(refused.found(), ['A12'])
  const twice = new Told()
  twice.put()
  twice.read([1, 1])
  t.deepEqual(twice.found(), ['A7'])
})

test('listings: what nobody wrote, what is out of order, what is missing and what is dead are found', (t) => {
  const unknown = new Told()
  unknown.list(['never'])
  t.deepEqual(unknown.found(), ['listing'])
  const twice = new Told()
  twice.put()
  twice.list(['k', 'k'])
  t.deepEqual(twice.found(), ['listing'])
  const missing = new Told()
  missing.put()
  missing.end([1], [1], [1])
  missing.list([], true)
  t.deepEqual(missing.found(), ['listing'])
  const dead = new Told()
  dead.delete(dead.put().op)
  dead.end([], [], [])
  dead.list(['k'], true)
  t.deepEqual(dead.found(), ['listing'])
})

test('what nobody knows may be there or not, now or later; a retry elsewhere may come back', (t) => {
  const told = new Told()
  told.put(undefined, 'info')
  told.read([])
  told.read([1])
  told.put(undefined, 'never')
  told.read([1, 2])
  t.deepEqual(told.found(), [])
  const retried = new Told()
  const { write } = retried.put(undefined, 'info')
  const seen = retried.read([1])
  retried.put(seen)
  retried.again(write, 'n2')
  retried.read([1, 2])
  t.deepEqual(retried.found(), [])
})

test('with nodes that may stand in, a read may miss a write; in the end none may', (t) => {
  const told = new Told()
  told.put()
  told.read([])
  t.deepEqual(told.found(5), [])
  told.end([], [], [], [], [])
  t.deepEqual([...new Set(told.found(5))], ['A1'])
})

test('a refusal of a sound request is found, and one that has its reason is not', (t) => {
  const told = new Told()
  told.put(undefined, 'never')
  told.events.push({ type: 'fail', at: 1, op: 1, code: 'NOT_READY' })
  told.put(undefined, 'never')
  told.events.push({ type: 'fail', at: 1, op: 2, code: 'TOO_MANY_SIBLINGS' })
  t.deepEqual(told.found(), [])
  told.put(undefined, 'never')
  told.events.push({ type: 'fail', at: 1, op: 3, code: 'BAD_CONTEXT' })
  t.deepEqual(told.found(), ['A5'])
})

test('an answer that says INTERNAL counts as a crash', (t) => {
  const told = new Told()
  told.put(undefined, 'never')
  told.events.push({ type: 'info', at: 1, op: 1, code: 'INTERNAL' })
  t.deepEqual(told.found(), ['crash'])
})
