import test from 'ava'
import { ReapHistory } from '../../src/protocol/reaping/history.js'
import { readHistory } from '../sim/history-reader.js'
import { UnreadableBytes } from '../sim/object-reader.js'

/** Seal and commit number, which the guard puts before every record. */
const HEAD = Buffer.alloc(13)

function rowKey(first: number, second: number): Uint8Array {
  return Uint8Array.of(first, second, 1, 98, 107)
}

test("the simulator's own reader reads a history of reaping as the node writes it", (t) => {
  const history = new ReapHistory('0123456789abcdef', true, 7)
  history.vouching([rowKey(0xab, 0xc0)])
  history.vouching([rowKey(0xff, 0xff), rowKey(0xab, 0xd1)])
  const read = readHistory(Buffer.concat([HEAD, history.record().bytes]))
  t.is(read.name, '0123456789abcdef')
  t.true(read.fromFoundation)
  t.is(read.lastRoundOf(rowKey(0xab, 0xcf)), 1)
  t.is(read.lastRoundOf(rowKey(0xab, 0xd0)), 2)
  t.is(read.lastRoundOf(rowKey(0xff, 0xf0)), 2)
  t.is(read.lastRoundOf(rowKey(0xab, 0xb0)), 0)
})

test('and says of a later history that it does not go back to the foundation, and of other bytes that they are none', (t) => {
  const { bytes } = new ReapHistory('0123456789abcdef', false, 1).record()
  t.false(readHistory(Buffer.concat([HEAD, bytes])).fromFoundation)
  t.throws(() => readHistory(Buffer.concat([HEAD, bytes, Buffer.alloc(3)])), { instanceOf: UnreadableBytes })
  t.throws(() => readHistory(HEAD), { instanceOf: UnreadableBytes })
})
