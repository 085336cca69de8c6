/** Scenarios of the network suite about frames: integrity, order, bounds. */
import { limits } from '../../src/limits.js'
import { connect, helloOf, numberOf, pattern, type Scenario, u32 } from './network-node.js'

export const frameScenarios: Record<string, Scenario> = {
  'frames arrive whole and in order, both ways, on both channels': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    const rounds = 400
    for (let i = 0; i < rounds; i++) {
      const parts = [u32(i), pattern(i, i % 7), Buffer.alloc(0), pattern(i, (i * 131) % 9000)]
      for (const channel of ['control', 'data'] as const) {
        t.is(a.send(b, channel, parts), 'sent')
        t.is(b.send(a, channel, parts), 'sent')
      }
      if (i % 50 === 0) await world.settle()
    }
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const channel of ['control', 'data'] as const) {
        await world.until(() => to.frames(from, channel).length === rounds, `${rounds} frames on ${channel}`)
        to.frames(from, channel).forEach((frame, i) => {
          const expected = Buffer.concat([u32(i), pattern(i, i % 7), pattern(i, (i * 131) % 9000)])
          if (!expected.equals(frame)) t.fail(`frame ${i} on ${channel} is not what was sent`)
        })
      }
    }
  },

  'a frame sent in peerUp arrives, after the other side has had its peerUp': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    a.onUp = () => a.send(b, 'control', [u32(1)])
    b.onUp = () => b.send(a, 'data', [u32(2)])
    await connect(world, a, b)
    await world.until(
      () => b.frames(a, 'control').length === 1 && a.frames(b, 'data').length === 1,
      'greetings',
    )
    t.is(a.events[0]!.type, 'up')
    t.is(b.events[0]!.type, 'up')
  },

  'frames of every size up to the limit arrive intact, and none beyond is taken': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    const piece = limits.peerPieceBytes
    const sizes = [
      1,
      2,
      piece - 13,
      piece - 12,
      piece - 11,
      piece,
      piece + 1,
      3 * piece,
      limits.peerControlFrameBytes,
    ]
    for (const channel of ['control', 'data'] as const) {
      for (const [i, size] of sizes.entries()) {
        t.is(a.send(b, channel, [pattern(i, size)], true), 'sent')
        await world.until(() => b.frames(a, channel).length === i + 1, `${size} bytes on ${channel}`)
      }
      for (const [i, frame] of b.frames(a, channel).entries()) t.true(pattern(i, sizes[i]!).equals(frame))
    }
    const largest = pattern(99, limits.peerDataFrameBytes)
    const parts = [largest.subarray(0, 5_000_000), largest.subarray(5_000_000)]
    await world.until(() => a.send(b, 'data', parts) === 'sent', 'room for it: it fills the window alone')
    await world.until(() => b.frames(a, 'data').length === sizes.length + 1, 'the largest frame')
    t.true(largest.equals(b.frames(a, 'data').at(-1)!))
    t.throws(() => a.send(b, 'data', [Buffer.alloc(limits.peerDataFrameBytes + 1)]), {
      instanceOf: RangeError,
    })
    t.throws(() => a.send(b, 'control', [Buffer.alloc(limits.peerControlFrameBytes + 1)]), {
      instanceOf: RangeError,
    })
    t.throws(() => a.send(b, 'control', [Buffer.alloc(0)]), { instanceOf: RangeError })
    t.true(a.isUp(b))
  },

  'no frame passes an earlier small one; one sent in order passes nothing': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    const large = (i: number) => [u32(i), Buffer.alloc(300_000)]
    const sent: { large: boolean; inOrder: boolean }[] = []
    for (let i = 0; i < 60; i++) {
      const kind = { large: i % 3 === 0, inOrder: i % 10 === 9 }
      sent.push(kind)
      t.is(a.send(b, 'data', kind.large ? large(i) : [u32(i)], kind.inOrder), 'sent')
    }
    await world.until(() => b.frames(a, 'data').length === sent.length, 'all frames')
    const arrival = b.frames(a, 'data').map(numberOf)
    t.deepEqual(
      [...arrival].sort((x, y) => x - y),
      sent.map((_, i) => i),
    )
    arrival.forEach((frame, at) => {
      for (const later of arrival.slice(at + 1)) {
        if (later > frame) continue
        t.true(sent[later]!.large, `${frame} passed ${later}, which is small`)
        t.false(sent[frame]!.inOrder, `${frame} passed ${later}, though sent in order`)
      }
    })
  },

  'a full window takes nothing, and all that was taken arrives': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    world.freeze(a.id, b.id)
    let taken = 0
    const bytes = 60_000
    while (a.send(b, 'data', [u32(taken), Buffer.alloc(bytes)]) === 'sent') {
      taken++
      if (taken * bytes > 4 * limits.peerDataWindowBytes) break
    }
    t.true(taken * bytes <= limits.peerDataWindowBytes, `${taken * bytes} bytes were taken`)
    t.is(a.send(b, 'data', [u32(taken), Buffer.alloc(bytes)]), 'full')
    t.is(a.send(b, 'control', [u32(0)]), 'sent', 'the other channel has a window of its own')
    world.thaw(a.id, b.id)
    await world.until(() => b.frames(a, 'data').length === taken, 'all that was taken')
    t.deepEqual(
      b.frames(a, 'data').map(numberOf),
      Array.from({ length: taken }, (_, i) => i),
    )
    t.is(a.send(b, 'data', [u32(taken)]), 'sent')
    await world.until(() => b.frames(a, 'data').length === taken + 1, 'one more')
  },

  'dropping a peer in the middle of its frames gives none after': async (t, world, make) => {
    const [a, b] = [await make(helloOf('a')), await make(helloOf('b'))]
    await connect(world, a, b)
    b.onFrame = () => {
      if (b.frames(a, 'data').length === 5) b.call(() => b.network.drop(a.id, 'enough'))
    }
    for (let i = 0; i < 50; i++) a.send(b, 'data', [u32(i)])
    await world.until(() => b.count('down', a) === 1, 'down')
    t.is(b.frames(a, 'data').length, 5)
    await world.until(() => b.isUp(a) && a.isUp(b), 'up again')
  },

  'three nodes keep their frames apart': async (t, world, make) => {
    const nodes = [await make(helloOf('a')), await make(helloOf('b')), await make(helloOf('d'))]
    await connect(world, ...nodes)
    for (const [i, from] of nodes.entries())
      for (const [j, to] of nodes.entries()) if (from !== to) from.send(to, 'data', [u32(i * 10 + j)])
    await world.until(() => nodes.every((node) => node.count('frame') === 2), 'frames')
    for (const [i, from] of nodes.entries())
      for (const [j, to] of nodes.entries())
        if (from !== to) t.deepEqual(to.frames(from, 'data').map(numberOf), [i * 10 + j])
  },
}
