import test from 'ava'
import fc from 'fast-check'
import { ticksOfStat } from '../../bench/measure/cpu.js'
import { Histogram } from '../../bench/measure/histogram.js'
import { type AllocationNode, asCpuProfile, functionTimes, ownerTimes } from '../../bench/measure/profile.js'
import { median, ratioOfMedians, spread } from '../../bench/measure/statistics.js'

const latencies = fc.array(fc.oneof(fc.nat(300), fc.nat(100_000), fc.nat(0x7fffffff)), { minLength: 1 })

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

test('a quantile is never below the exact one and less than 1 % above it', (t) => {
  const law = fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, fraction) => {
    const sorted = values.toSorted((a, b) => a - b)
    const exact = sorted[Math.max(1, Math.ceil(fraction * values.length)) - 1]!
    const found = histogramOf(values).quantile(fraction)
    return found >= exact && found <= exact * (1 + 1 / 128)
  })
  t.notThrows(() => fc.assert(law, { numRuns: 2000 }))
})

test('histograms added together are the histogram of all samples', (t) => {
  const law = fc.property(latencies, latencies, (left, right) => {
    const sum = histogramOf(left)
    sum.add(histogramOf(right))
    const both = histogramOf([...left, ...right])
    return (
      sum.total === both.total &&
      sum.largestUs === both.largestUs &&
      [0, 0.5, 0.99, 1].every((fraction) => sum.quantile(fraction) === both.quantile(fraction))
    )
  })
  t.notThrows(() => fc.assert(law, { numRuns: 500 }))
})

test('a histogram takes what is out of range as the nearest that it can keep, and forgets when cleared', (t) => {
  const histogram = histogramOf([-5, 1e12])
  t.is(histogram.quantile(0), 0)
  t.is(histogram.quantile(1), 0x7fffffff)
  histogram.clear()
  t.deepEqual([histogram.total, histogram.largestUs, histogram.quantile(0.5)], [0, 0, 0])
})

test('median, spread and ratio of rounds', (t) => {
  t.is(median([9, 1, 5]), 5)
  t.is(median([4, 1, 3, 2]), 2.5)
  t.is(median([]), Number.NaN)
  t.is(spread([90, 100, 110]), 0.1)
  t.is(spread([7]), 0)
  t.is(ratioOfMedians([150, 151, 400], [100, 90, 101]), 1.51)
  t.is(ratioOfMedians([1], []), Number.NaN)
})

test('processor time is found behind a process name that looks like more fields', (t) => {
  const line = '4242 (a) S (b c) S 1 4242 4242 0 -1 4194304 100 0 0 0 321 45 7 8 20 0 11 0 123456 1 2'
  t.is(ticksOfStat(line), 366)
})

test('a profile gives each function its own time and, once even where it recurs, that of what it calls', (t) => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 9 })
  const work = frame('work', 'file:///x/dist/src/node/driver.js')
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 3, 6] },
      { id: 2, callFrame: frame('(idle)', '') },
      { id: 3, callFrame: work, children: [4, 5] },
      { id: 4, callFrame: work },
      { id: 5, callFrame: frame('', 'file:///x/node_modules/ws/lib/sender.js') },
      { id: 6, callFrame: frame('writev', '') },
    ],
    samples: [2, 3, 4, 5, 6, 2],
    timeDeltas: [1, 1000, 10, 20, 40, 80],
  }
  const times = functionTimes(profile)
  t.deepEqual(
    times.slice(0, 3).map(({ name, place, selfUs, totalUs }) => [name, place, selfUs, totalUs]),
    [
      ['native code under (root)', '', 80, 80],
      ['(anonymous)', 'ws/lib/sender.js:10', 40, 40],
      ['work', 'src/node/driver.js:10', 30, 70],
    ],
  )
  t.deepEqual(ownerTimes(times).slice(0, 3), [
    { owner: 'native code', selfUs: 80 },
    { owner: 'ws', selfUs: 40 },
    { owner: 'src/node', selfUs: 30 },
  ])
  t.false(times.some(({ name }) => name === '(idle)'))
  t.is(functionTimes(profile, 25).find(({ place }) => place.startsWith('ws/'))?.selfUs, 25)
})

test('a profile of allocations is shown like one of time', (t) => {
  const node = (functionName: string, selfSize: number, children: AllocationNode[] = []): AllocationNode => ({
    callFrame: {
      functionName,
      url: functionName === '' ? '' : 'file:///x/dist/src/wire/bytes.js',
      lineNumber: 0,
    },
    selfSize,
    children,
  })
  const root = node('(root)', 0, [node('take', 100, [node('', 7), node('take', 20)]), node('write', 50)])
  t.deepEqual(
    functionTimes(asCpuProfile(root)).map(({ name, selfUs, totalUs }) => [name, selfUs, totalUs]),
    [
      ['take', 120, 127],
      ['write', 50, 50],
      ['native code under take', 7, 7],
      ['(root)', 0, 177],
    ],
  )
})
