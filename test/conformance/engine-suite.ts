import test, { type ExecutionContext } from 'ava'
import type { BatchOperation, Completion, Engine, ScanRange, ScanRow } from '../../src/ports/engine.js'

/**
 * What every storage engine must do, whatever stands behind it. Each test makes its own engine, not yet opened. The suite knows no
 * clock: an engine that lives in virtual time says how to let time pass in `pump`.
 */
export interface EngineUnderTest {
  readonly engine: Engine
  /** Lets all completions come that are due. Real engines need none. */
  pump?(): void
  /** Called at the end, with the engine closed or not. */
  dispose?(): Promise<void>
}

export interface SuiteOptions {
  /** Largest value that the engine is asked to take. */
  readonly valueBytes?: number
  /** Random operations compared with a plain map. */
  readonly modelSteps?: number
  /** Calls on a closed engine are not to be tried: it ends the process then, as the native one does by itself. */
  readonly deadlyWhenClosed?: boolean
}

type Make = () => Promise<EngineUnderTest> | EngineUnderTest
type Bench = ReturnType<typeof benchOf>

const NOTHING = new Uint8Array(0)
const ALL: ScanRange = { from: NOTHING, maxRows: 100_000, maxBytes: 1 << 30 }

type Run = (t: ExecutionContext, bench: Bench) => Promise<void>

/** How the groups below declare their tests: `on` an engine not yet opened, or `opened` and closed for them. */
interface Declare {
  on(title: string, run: Run): void
  opened(title: string, run: Run): void
}

export function engineSuite(name: string, make: Make, options: SuiteOptions = {}): void {
  const on = (title: string, run: Run) =>
    test(`${name}: ${title}`, async (t) => {
      const subject = await make()
      try {
        await run(t, benchOf(subject))
      } finally {
        await subject.dispose?.()
      }
    })
  const opened = (title: string, run: Run) =>
    on(title, async (t, bench) => {
      await bench.open()
      await run(t, bench)
      await bench.close()
    })
  rowTests({ on, opened }, options)
  scanTests({ on, opened })
  batchTests({ on, opened }, options)
  lifeTests({ on, opened }, options)
  if (options.deadlyWhenClosed !== true) closedTests({ on, opened })
}

function rowTests({ opened }: Declare, options: SuiteOptions): void {
  opened('a new database is empty', async (t, { getMany, scan }) => {
    t.deepEqual(await getMany('a', 'b'), [undefined, undefined])
    t.deepEqual(await getMany(), [])
    t.deepEqual(await scan(ALL), { keys: [], done: true })
  })

  opened('getMany answers slot by slot', async (t, { put, getMany }) => {
    await put(['b', '2'], ['a', '1'])
    t.deepEqual(await getMany('a', 'x', 'b', 'a'), ['1', undefined, '2', '1'])
  })

  opened(
    'a later operation of a batch wins, and removing what is not there is no error',
    async (t, bench) => {
      await bench.batch([
        put('k', 'first'),
        del('k'),
        put('k', 'last'),
        put('gone', 'x'),
        del('gone'),
        del('never'),
      ])
      t.deepEqual(await bench.getMany('k', 'gone', 'never'), ['last', undefined, undefined])
      await bench.batch([put('k', 'again')])
      t.deepEqual(await bench.getMany('k'), ['again'])
      await bench.batch([del('k')])
      t.deepEqual(await bench.getMany('k'), [undefined])
      t.deepEqual(await bench.scan(ALL), { keys: [], done: true })
    },
  )

  opened(
    'takes any bytes: empty values, every byte in keys, long keys, large values',
    async (t, { ask, engine }) => {
      const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)
      const long = new Uint8Array(1300).fill(0xff)
      const large = Uint8Array.from({ length: options.valueBytes ?? 1 << 20 }, (_, i) => i * 7)
      const rows: [Uint8Array, Uint8Array][] = [
        [everyByte, NOTHING],
        [long, everyByte],
        [Uint8Array.of(0), large],
      ]
      const operations = rows.map(([key, value]) => ({ type: 'put', key, value }) as const)
      await ask<void>((done) => engine.batch(operations, true, done))
      const keys = rows.map(([key]) => key)
      const values = await ask<readonly (Uint8Array | undefined)[]>((done) => engine.getMany(keys, done))
      for (const [index, [, value]] of rows.entries())
        t.deepEqual(Buffer.from(values[index]!), Buffer.from(value))
    },
  )

  opened(
    'bytes handed in are free after the completion, bytes handed out belong to the receiver',
    async (t, bench) => {
      const key = bytes('key')
      const value = bytes('value')
      await bench.ask<void>((done) => bench.engine.batch([{ type: 'put', key, value }], false, done))
      key.fill(0)
      value.fill(0)
      const read = () =>
        bench.ask<readonly (Uint8Array | undefined)[]>((done) => bench.engine.getMany([bytes('key')], done))
      const [first] = await read()
      t.is(text(first!), 'value')
      first!.fill(1)
      const scanned = await bench.rows(ALL)
      t.is(text(scanned.rows[0]!.value), 'value')
      scanned.rows[0]!.value.fill(2)
      scanned.rows[0]!.key.fill(2)
      t.is(text((await read())[0]!), 'value')
      t.is(text((await bench.rows(ALL)).rows[0]!.key), 'key')
    },
  )
}

function scanTests({ opened }: Declare): void {
  opened('scans in byte order, from included, to excluded', async (t, { ask, engine, scan }) => {
    const keys = [[0], [0, 0], [1], [127], [128], [128, 0], [200], [255], [255, 255]].map((key) =>
      Uint8Array.from(key),
    )
    const shuffled = [4, 8, 0, 6, 2, 7, 1, 5, 3].map((index) => keys[index]!)
    const operations = shuffled.map((key) => ({ type: 'put', key, value: key }) as const)
    await ask<void>((done) => engine.batch(operations, true, done))
    const texts = keys.map((key) => text(key))
    t.deepEqual(await scan(ALL), { keys: texts, done: true })
    const part = await scan({ ...ALL, from: keys[2]!, to: keys[5]! })
    t.deepEqual(part, { keys: texts.slice(2, 5), done: true })
    t.deepEqual(await scan({ ...ALL, from: keys[5]!, to: keys[2]! }), { keys: [], done: true })
    t.deepEqual(await scan({ ...ALL, from: keys[2]!, to: keys[2]! }), { keys: [], done: true })
    t.deepEqual(await scan({ ...ALL, from: Uint8Array.of(255, 255, 0) }), { keys: [], done: true })
  })

  opened('a scan stops at maxRows, and says whether anything follows', async (t, { put, scan }) => {
    await put(['a', '1'], ['b', '2'], ['c', '3'])
    t.deepEqual(await scan({ ...ALL, maxRows: 2 }), { keys: ['a', 'b'], done: false })
    t.deepEqual(await scan({ ...ALL, maxRows: 3 }), { keys: ['a', 'b', 'c'], done: true })
    t.deepEqual(await scan({ ...ALL, to: bytes('c'), maxRows: 2 }), { keys: ['a', 'b'], done: true })
    t.deepEqual(await scan({ ...ALL, from: bytes('c'), maxRows: 1 }), { keys: ['c'], done: true })
  })

  opened('a scan stops after the row that reaches maxBytes', async (t, { put, scan }) => {
    await put(['a', '12345'], ['b', '12345'], ['c', '12345'])
    t.deepEqual(await scan({ ...ALL, maxBytes: 1 }), { keys: ['a'], done: false })
    t.deepEqual(await scan({ ...ALL, maxBytes: 6 }), { keys: ['a'], done: false })
    t.deepEqual(await scan({ ...ALL, maxBytes: 7 }), { keys: ['a', 'b'], done: false })
    t.deepEqual(await scan({ ...ALL, maxBytes: 18 }), { keys: ['a', 'b', 'c'], done: true })
  })

  opened('pages put together are the whole', async (t, { batch, rows }) => {
    const names = Array.from({ length: 3000 }, (_, i) => `key-${(i * 7919) % 3000}`)
    await batch(names.map((key) => put(key, key.repeat(3))))
    const seen: string[] = []
    for (let from: Uint8Array = NOTHING, done = false; !done; ) {
      const page = await rows({ from, maxRows: 700, maxBytes: 20_000 })
      for (const { key, value } of page.rows) {
        t.is(text(value), text(key).repeat(3))
        seen.push(text(key))
      }
      from = Buffer.concat([page.rows.at(-1)!.key, Buffer.of(0)])
      done = page.done
    }
    t.deepEqual(seen, names.sort())
  })
}

function batchTests({ on, opened }: Declare, options: SuiteOptions): void {
  opened('batches take effect in the order of the calls', async (t, bench) => {
    const writes = Array.from({ length: 50 }, (_, i) => bench.batch([put('k', String(i))], i % 10 === 0))
    await Promise.all(writes)
    t.deepEqual(await bench.getMany('k'), ['49'])
  })

  opened('getMany and scan see all of a batch or nothing of it', async (t, bench) => {
    const writes: Promise<void>[] = []
    const looks: Promise<(string | undefined)[]>[] = []
    for (let round = 0; round < 40; round++) {
      const value = String(round)
      writes.push(bench.batch([put('left', value), put('right', value)], round % 8 === 0))
      looks.push(bench.getMany('left', 'right'))
      looks.push(bench.rows(ALL).then(({ rows }) => [0, 1].map((i) => rows[i] && text(rows[i].value))))
    }
    await Promise.all(writes)
    for (const [left, right] of await Promise.all(looks)) t.is(left, right)
  })

  opened('what was written is seen by every call after its completion', async (t, bench) => {
    for (let round = 0; round < 30; round++) {
      const value = String(round)
      await bench.batch([put('k', value)], round % 2 === 0)
      t.deepEqual(await bench.getMany('k'), [value])
      const { rows } = await bench.rows(ALL)
      t.is(text(rows[0]!.value), value)
    }
  })

  on('behaves like a sorted map under random operations and reopens', async (t, bench) => {
    await bench.open()
    const model = new Map<string, string>()
    const below = dice(options.modelSteps ?? 400)
    for (let step = 0; step < (options.modelSteps ?? 400); step++) await modelStep(t, bench, model, below)
    await bench.close()
  })
}

function lifeTests({ on }: Declare, options: SuiteOptions): void {
  on('completes every call exactly once, and never within the call', async (t, { engine, pump }) => {
    let within = false
    const counts: number[] = []
    const call = (start: (done: Completion<unknown>) => void) =>
      new Promise<void>((resolve) => {
        const index = counts.push(0) - 1
        within = true
        start(() => {
          t.false(within)
          counts[index]!++
          resolve()
        })
        within = false
        pump()
      })
    const each = () => [
      call((done) => engine.getMany([bytes('a')], done)),
      call((done) => engine.batch([put('a', '1')], true, done)),
      call((done) => engine.scan(ALL, done)),
    ]
    const closed = () =>
      options.deadlyWhenClosed === true ? [] : [...each(), call((done) => engine.close(done))]
    await Promise.all(closed())
    await call((done) => engine.open(done))
    await Promise.all(each())
    await call((done) => engine.close(done))
    await Promise.all(closed())
    await new Promise((resolve) => setTimeout(resolve, 20))
    pump()
    t.true(counts.every((count) => count === 1))
  })

  on('close waits for what is under way, and nothing of it is lost', async (t, bench) => {
    await bench.open()
    const order: string[] = []
    const note = (word: string) => () => order.push(word)
    const writes = Array.from({ length: 40 }, (_, i) => bench.batch([put(`k${i}`, 'v')]).then(note('call')))
    const reads = [bench.getMany('k0').then(note('call')), bench.scan(ALL).then(note('call'))]
    const closed = bench.close().then(note('closed'))
    await Promise.all([...writes, ...reads, closed])
    t.is(order.indexOf('closed'), order.length - 1)
    await bench.open()
    t.is((await bench.scan(ALL)).keys.length, 40)
    await bench.close()
  })

  on('keeps its rows over a close and a reopen', async (t, bench) => {
    for (let round = 0; round < 3; round++) {
      await bench.open()
      t.is((await bench.scan(ALL)).keys.length, round * 2)
      await bench.put([`a${round}`, '1'], [`b${round}`, '2'])
      await bench.close()
    }
  })
}

function closedTests({ on }: Declare): void {
  on('refuses every call before open and after close with `closed`', async (t, bench) => {
    const refused = async () => {
      await t.throwsAsync(bench.getMany('a'), { name: 'EngineError', message: /./ })
      for (const call of [bench.getMany('a'), bench.batch([put('a', '1')]), bench.scan(ALL), bench.close()]) {
        const error = await t.throwsAsync(call)
        t.is((error as { kind?: string }).kind, 'closed')
      }
    }
    await refused()
    await bench.open()
    await bench.close()
    await refused()
  })
}

/** One random operation on both, compared. */
async function modelStep(
  t: ExecutionContext,
  bench: Bench,
  model: Map<string, string>,
  below: (bound: number) => number,
): Promise<void> {
  const name = () => `${'abc'[below(3)]}${below(60)}`
  const action = below(20)
  if (action < 10) {
    const batch = Array.from({ length: 1 + below(8) }, () =>
      below(3) === 0 ? del(name()) : put(name(), `${below(1e9)}`),
    )
    for (const operation of batch) {
      if (operation.type === 'put') model.set(text(operation.key), text(operation.value))
      else model.delete(text(operation.key))
    }
    await bench.batch(batch, below(10) === 0)
  } else if (action < 14) {
    const names = Array.from({ length: below(6) }, name)
    t.deepEqual(
      await bench.getMany(...names),
      names.map((each) => model.get(each)),
    )
  } else if (action < 19) {
    const [from, to] = [name(), name()].sort() as [string, string]
    const maxRows = 1 + below(30)
    const inRange = [...model.keys()].filter((key) => key >= from && key < to).sort()
    const expected = { keys: inRange.slice(0, maxRows), done: inRange.length <= maxRows }
    t.deepEqual(await bench.scan({ from: bytes(from), to: bytes(to), maxRows, maxBytes: 1 << 20 }), expected)
  } else {
    await bench.close()
    await bench.open()
  }
}

/** The engine's calls as promises over text. */
function benchOf(subject: EngineUnderTest) {
  const { engine } = subject
  const pump = () => subject.pump?.()
  const ask = <T>(call: (done: Completion<T>) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      call((error, result) => (error === undefined ? resolve(result) : reject(error)))
      pump()
    })
  const batch = (operations: readonly BatchOperation[], sync = false) =>
    ask<void>((done) => engine.batch(operations, sync, done))
  const rows = (range: ScanRange) =>
    ask<{ rows: readonly ScanRow[]; done: boolean }>((done) => engine.scan(range, done))
  return {
    engine,
    pump,
    ask,
    batch,
    rows,
    open: () => ask<void>((done) => engine.open(done)),
    close: () => ask<void>((done) => engine.close(done)),
    put: (...pairs: readonly (readonly [string, string])[]) =>
      batch(pairs.map(([key, value]) => put(key, value))),
    getMany: async (...keys: readonly string[]) => {
      const values = await ask<readonly (Uint8Array | undefined)[]>((done) =>
        engine.getMany(keys.map(bytes), done),
      )
      return values.map((value) => (value === undefined ? undefined : text(value)))
    },
    scan: async (range: ScanRange) => {
      const page = await rows(range)
      return { keys: page.rows.map((row) => text(row.key)), done: page.done }
    },
  }
}

function put(key: string, value: string): BatchOperation & { type: 'put' } {
  return { type: 'put', key: bytes(key), value: bytes(value) }
}

function del(key: string): BatchOperation {
  return { type: 'del', key: bytes(key) }
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** Repeatable random numbers (xorshift32). */
function dice(seed: number): (bound: number) => number {
  let state = seed || 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}
