/** Memory of pieces is used anew, and never while a piece cut from it may still be written. */
import test from 'ava'
import { PieceSlabs, type Slab } from '../../src/io/network/piece-slabs.js'
import { PIECE_BYTES } from '../../src/wire/frame.js'

interface Cut {
  readonly piece: Buffer
  readonly slab: Slab
  readonly mark: number
}

function cut(slabs: PieceSlabs, bytes: number, mark: number): Cut {
  const piece = slabs.cut(bytes).fill(mark)
  return { piece, slab: slabs.lastCut, mark }
}

test('pieces that are not written yet never share memory, in whatever order and number they are written', (t) => {
  const slabs = new PieceSlabs()
  const waiting: Cut[] = []
  const backing = new Set<ArrayBufferLike>()
  for (let i = 0; i < 20_000; i++) {
    const made = cut(slabs, 1 + ((i * 7919) % PIECE_BYTES), i % 251)
    backing.add(made.piece.buffer)
    waiting.push(made)
    for (let done = (i * 31) % 40; done > 0 && waiting.length > i % 20; done--) {
      const first = waiting.shift()!
      if (!first.piece.every((byte) => byte === first.mark)) t.fail(`piece ${i} was written over`)
      slabs.written(first.slab)
    }
  }
  t.true(backing.size < 60, `${backing.size} slabs were made for 20,000 pieces`)
})

test('one piece at a time stays in one slab', (t) => {
  const slabs = new PieceSlabs()
  const first = cut(slabs, 100, 1)
  slabs.written(first.slab)
  for (let i = 0; i < 1000; i++) {
    const next = cut(slabs, PIECE_BYTES, 2)
    t.is(next.piece.buffer, first.piece.buffer)
    slabs.written(next.slab)
  }
})

test('memory of a piece that was never written is not used again', (t) => {
  const slabs = new PieceSlabs()
  const lost = cut(slabs, 100, 7)
  for (let i = 0; i < 1000; i++) {
    const next = cut(slabs, PIECE_BYTES, 2)
    slabs.written(next.slab)
  }
  t.true(lost.piece.every((byte) => byte === 7))
})
