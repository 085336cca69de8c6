import test from 'ava'
import fc from 'fast-check'
import type { RowRead, StorageFault } from '../../src/node/guard/index.js'
import { Disk } from '../unit/scripted-engine.js'
import { type Answer, nameOf, rowKeyOf, World } from '../unit/storage-world.js'

/**
 * Random histories of writes, failures, kills and restarts, against a model that knows only what was acknowledged: whatever
 * happens, an acknowledged row is there or unreadable, unless the start said that something was lost; no read shows a value that no
 * batch could have made durable; and an incarnation is used by one unbroken life only.
 */
type Step =
  | { readonly do: 'put'; readonly key: number }
  | { readonly do: 'read'; readonly key: number }
  | { readonly do: 'run' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'hold batches' }
  | { readonly do: 'hold reads' }
  | { readonly do: 'slow slots' }
  | { readonly do: 'fail batch'; readonly keeps: 'nothing' | 'all' }
  | { readonly do: 'fail open' }
  | { readonly do: 'fail slot' }
  | { readonly do: 'kill' }
  | { readonly do: 'stop' }

const KEYS = 5

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), key: fc.nat(KEYS - 1) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('read' as const), key: fc.nat(KEYS - 1) }) },
  { weight: 8, arbitrary: fc.constant({ do: 'run' as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2000) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'hold batches' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'hold reads' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'slow slots' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail batch' as const),
      keeps: fc.constantFrom('nothing' as const, 'all' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'fail open' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'fail slot' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'kill' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'stop' as const }) },
)

test('an acknowledged row survives every history of faults', (t) => {
  t.notThrows(() => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), fc.boolean(), (steps, eager) => {
        const history = new History(eager)
        for (const each of steps) history.take(each)
        history.end()
        return true
      }),
      { numRuns: 1000 },
    )
  })
})

class History {
  readonly #disk = new Disk()
  readonly #eager: boolean
  #world: World
  /** Values by key: acknowledged last, and asked for since. */
  readonly #acked = new Map<number, number>()
  readonly #asked: {
    key: number
    value: number
    answer: Answer<StorageFault | undefined>
    settled: boolean
  }[] = []
  readonly #lives = new Set<string>()
  #next = 1

  constructor(eager: boolean) {
    this.#eager = eager
    this.#world = this.#born()
  }

  take(each: Step): void {
    const { engine, timeline } = this.#world
    switch (each.do) {
      case 'put':
        this.#put(each.key)
        break
      case 'read':
        this.#read(each.key)
        break
      case 'run':
        this.#letGo()
        timeline.run()
        break
      case 'wait':
        timeline.advance(each.ms)
        break
      case 'hold batches':
        engine.holdBatches = true
        break
      case 'hold reads':
        engine.holdReads = true
        break
      case 'slow slots':
        this.#world.slotWriteMs = 40
        break
      case 'fail batch':
        engine.failBatches.push({ kind: 'io', keeps: each.keeps })
        break
      case 'fail open':
        engine.failOpens.push('io')
        break
      case 'fail slot':
        this.#world.failSlotWrites.push('io')
        break
      case 'kill':
        this.#kill()
        break
      case 'stop':
        this.#stop()
        break
      default:
        each satisfies never
    }
    this.#look()
  }

  /** All faults over: everything that was acknowledged is there. */
  end(): void {
    this.#kill()
    for (const [key, value] of this.#acked) {
      const found = valueIn(this.#world.readNow(`k${key}`))
      if (found === undefined || found < value)
        throw new Error(`k${key}: ${value} was acknowledged, ${found} is there`)
    }
  }

  #put(key: number): void {
    const value = this.#next++
    const answer = this.#world.put(`k${key}`, `<${value}>`)
    this.#asked.push({ key, value, answer, settled: false })
  }

  /** What it is answered, held against what was acknowledged when it was asked and what is durable when the answer comes. */
  #read(key: number): void {
    const least = this.#acked.get(key) ?? 0
    const world = this.#world
    world.guard.read([rowKeyOf(`k${key}`)], ([row]) => {
      if (row === 'unreadable' || world !== this.#world) return
      const value = valueIn(row) ?? 0
      if (value < least) throw new Error(`k${key}: read ${value} after ${least} was acknowledged`)
      const durable = valueIn(this.#disk.durable.get(nameOf(`k${key}`))) ?? 0
      if (value > durable) throw new Error(`k${key}: read ${value}, and only ${durable} is durable`)
    })
  }

  #letGo(): void {
    const { engine } = this.#world
    engine.holdBatches = false
    engine.holdReads = false
    engine.release()
    engine.releaseReads()
  }

  /** A slot that is being written is torn; what is visible and not durable is gone. */
  #kill(): void {
    const { slotInFlight } = this.#world
    if (slotInFlight !== undefined) this.#disk.slots[slotInFlight] = Buffer.from('torn')
    this.#disk.rows.clear()
    for (const [name, row] of this.#disk.durable) this.#disk.rows.set(name, row)
    this.#world = this.#born()
  }

  #stop(): void {
    this.#letGo()
    this.#world.guard.close(() => {})
    this.#world.timeline.advance(100)
    this.#look()
    this.#world = this.#born()
  }

  /** A new process over what the last one left; what it had not answered it never will. */
  #born(): World {
    this.#asked.length = 0
    const world = new World(this.#disk, { cacheBytes: 64 * 1024 })
    world.engine.eager = this.#eager
    const report = world.open()
    if (report.lost !== 'nothing') throw new Error(`the start says that it lost ${report.lost}`)
    if (!report.clean && this.#lives.has(report.incarnation)) throw new Error('an incarnation was used twice')
    this.#lives.add(report.incarnation)
    return world
  }

  #look(): void {
    for (const write of this.#asked) {
      if (write.settled || !write.answer.came) continue
      write.settled = true
      if (write.answer.value === undefined)
        this.#acked.set(write.key, Math.max(write.value, this.#acked.get(write.key) ?? 0))
    }
    this.#lives.add(this.#world.guard.incarnation)
  }
}

/** At the row's end: its checksum and its dots are random bytes, and those may spell `<3>` too. */
function valueIn(row: RowRead): number | undefined {
  if (row === undefined || row === 'unreadable') return undefined
  const match = /<(\d+)>$/.exec(Buffer.from(row).toString('latin1'))
  return match === null ? undefined : Number(match[1])
}
