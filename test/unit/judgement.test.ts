import test from 'ava'
import { crc32c } from '../../src/kernel/index.js'
import type { Mark, Watermark } from '../../src/node/guard/boot-record.js'
import { decodeMark, decodeWatermark, encodeMark, encodeWatermark } from '../../src/node/guard/boot-record.js'
import { judge } from '../../src/node/guard/judgement.js'

const INCARNATION = '00112233445566ff'

function stopped(boot: number): { mark: Mark; watermark: Watermark } {
  const mark = { commit: 77, boot, incarnation: INCARNATION, hasRows: true }
  const { hasRows, ...position } = mark
  const watermark = {
    ...position,
    sequence: 9,
    clean: true,
    creating: false,
    shared: false,
    buffered: false,
    lost: 'nothing',
  } as const
  return { mark, watermark }
}

test('an incarnation is kept over clean stops, but for one round of boot numbers only', (t) => {
  // Actors carry the boot number modulo 4096.
  for (const boot of [1, 2, 4093, 4094, 4095, 4096, 8190, 8191]) {
    const { mark, watermark } = stopped(boot)
    const judgement = judge({ slots: [undefined, watermark], mark, empty: false, hasHole: false })
    t.like(judgement, { boot: boot + 1, clean: true, fresh: false, lost: 'nothing', lastCommit: 77 })
    t.is(judgement.incarnation, (boot + 1) % 4096 === 0 ? undefined : INCARNATION)
  }
})

test('any difference between mark and watermark costs the incarnation', (t) => {
  const { mark, watermark } = stopped(5)
  const differences: Partial<Watermark>[] = [
    { commit: 76 },
    { commit: 78 },
    { boot: 4 },
    { boot: 6 },
    { incarnation: 'ffffffffffffffff' },
    { clean: false },
  ]
  for (const difference of differences) {
    const slot = { ...watermark, ...difference }
    t.is(judge({ slots: [slot, undefined], mark, empty: false, hasHole: false }).incarnation, undefined)
  }
})

test('the slot written last counts, and a damaged one not at all', (t) => {
  const { mark, watermark } = stopped(5)
  const older = { ...watermark, sequence: 8, commit: 70, clean: false }
  for (const slots of [
    [watermark, older],
    [older, watermark],
    [watermark, 'damaged'],
    ['damaged', watermark],
  ] as const) {
    t.is(judge({ slots, mark, empty: false, hasHole: false }).incarnation, INCARNATION)
  }
  t.like(judge({ slots: [older, 'damaged'], mark, empty: false, hasHole: false }), {
    clean: false,
    lost: 'nothing',
  })
})

test('marks and watermarks come back as they were, and not with any bit changed', (t) => {
  const { mark, watermark } = stopped(4_000_000_000)
  const name = Buffer.from('scommit')
  t.deepEqual(decodeMark(name, encodeMark(crc32c(name), mark)), mark)
  t.is(decodeMark(Buffer.from('scommis'), encodeMark(crc32c(name), mark)), 'damaged')
  for (const lost of ['nothing', 'tail', 'everything'] as const) {
    for (const shared of [false, true]) {
      const written = { ...watermark, lost, shared, creating: shared }
      t.deepEqual(decodeWatermark(encodeWatermark(written)), written)
    }
  }
  const record = encodeWatermark(watermark)
  for (let bit = 0; bit < record.length * 8; bit++) {
    const spoiled = Buffer.from(record)
    spoiled[bit >> 3]! ^= 1 << (bit & 7)
    t.is(decodeWatermark(spoiled), 'damaged')
  }
  for (let length = 0; length < record.length; length++)
    t.is(decodeWatermark(record.subarray(0, length)), 'damaged')
})
