import test from 'ava'
import fc from 'fast-check'
import { SortedKeys } from '../../src/io/engines/sorted-keys.js'

test('a set in order, whatever is put in and taken out', (t) => {
  const step = fc.record({ add: fc.boolean(), key: fc.nat(3000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 4000, size: 'max' }), fc.nat(3000), (steps, start) => {
      const keys = new SortedKeys()
      const model = new Set<string>()
      for (const { add, key } of steps) {
        const text = `k${key}`
        if (add) {
          keys.add(text)
          model.add(text)
        } else {
          keys.delete(text)
          model.delete(text)
        }
      }
      const from = `k${start}`
      const expected = [...model].filter((key) => key >= from).sort()
      return JSON.stringify([...keys.from(from)]) === JSON.stringify(expected)
    }),
    { numRuns: 60 },
  )
  t.pass()
})

test('ten thousand keys in falling and rising order', (t) => {
  const keys = new SortedKeys()
  const names = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(6, '0'))
  for (const name of names.slice(5000).reverse()) keys.add(name)
  for (const name of names.slice(0, 5000)) keys.add(name)
  t.deepEqual([...keys.from('')], names)
  for (const name of names) keys.delete(name)
  t.deepEqual([...keys.from('')], [])
})
