/** Against a Map: whatever comes and goes, each number leads to its own entry or to none. */
import test from 'ava'
import fc from 'fast-check'
import { ConversationTable } from '../../src/node/conversation-table.js'

type Step = { readonly do: 'begin' | 'end' | 'get' | 'skip'; readonly which: number }

const steps = fc.array(
  fc.record({
    do: fc.constantFrom<Step['do']>('begin', 'begin', 'end', 'get', 'skip'),
    which: fc.nat(1_000_000),
  }),
  { maxLength: 2_000 },
)

test('it holds what a map would hold', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xffff_fff0 }), steps, (firstId, run) => {
      const table = new ConversationTable<object>(firstId)
      const model = new Map<number, object>()
      for (const { do: action, which } of run) {
        const ids = [...model.keys()]
        const id = ids[which % ids.length]
        if (action === 'begin') {
          const next = table.nextId()
          if (model.has(next) || next < 1 || next > 0xffff_fffe) return false
          const entry = {}
          table.set(next, entry)
          model.set(next, entry)
        } else if (action === 'skip') table.nextId()
        else if (id !== undefined && action === 'end') {
          table.delete(id)
          table.delete(id)
          model.delete(id)
        }
        if (id !== undefined && table.get(id) !== model.get(id)) return false
        if (table.get(which) !== model.get(which) || table.size !== model.size) return false
      }
      return (
        [...model.keys()].sort((a, b) => a - b).join() ===
        table
          .ids()
          .sort((a, b) => a - b)
          .join()
      )
    }),
    { numRuns: 300 },
  )
  t.pass()
})

test('it grows with what is under way, and numbers begin anew after the last', (t) => {
  const table = new ConversationTable<number>(0xffff_ff00)
  const given = new Set<number>()
  for (let i = 0; i < 20_000; i++) {
    const id = table.nextId()
    table.set(id, i)
    given.add(id)
  }
  t.is(given.size, 20_000)
  t.is(table.size, 20_000)
  t.true(given.has(1))
  t.false(given.has(0))
  for (const id of given) t.true(table.get(id) !== undefined)
})

test('a number in use is refused', (t) => {
  const table = new ConversationTable<string>(0)
  table.set(5, 'a')
  t.throws(() => table.set(5, 'b'), { instanceOf: RangeError })
  t.is(table.get(5), 'a')
})

test('a number that was given out long ago and not used finds a place', (t) => {
  const table = new ConversationTable<string>(0)
  const early = table.nextId()
  const late = early + 1024
  table.set(late, 'late')
  table.set(early, 'early')
  t.is(table.get(early), 'early')
  t.is(table.get(late), 'late')
})
