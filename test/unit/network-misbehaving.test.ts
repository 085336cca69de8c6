/** The network towards peers that know the secret and then misbehave: their connection ends, with a reason, and nothing else does. */
import test, { type ExecutionContext } from 'ava'
import type { WebSocket } from 'ws'
import type { WsNetwork } from '../../src/io/network/index.js'
import { sealWhole } from '../../src/io/network/outbox.js'
import { limits } from '../../src/limits.js'
import {
  FIRST_PIECE,
  PIECE_BYTES,
  PIECE_CONTENT_BYTES,
  PIECE_HEADER_BYTES,
  sealPiece,
} from '../../src/wire/frame.js'
import { helloOf, TestNode } from '../conformance/network-node.js'
import { eventually, WsWorld } from '../conformance/ws-world.js'
import { crc32c } from './crc32c.js'
import { closeOf, RawPeer } from './raw-peer.js'

interface Scene {
  readonly node: TestNode
  readonly network: WsNetwork
  peer(letter?: string): RawPeer
}

async function scene(t: ExecutionContext, run: (scene: Scene) => Promise<void>): Promise<void> {
  const world = new WsWorld()
  const node = new TestNode(world, helloOf('a'))
  await node.start()
  const network = world.networks.get(node.id)!
  const peers: RawPeer[] = []
  const peer = (letter = 'b') => {
    peers.push(new RawPeer(network.address, helloOf(letter)))
    return peers.at(-1)!
  }
  try {
    await run({ node, network, peer })
    t.deepEqual(node.violations, [])
  } finally {
    for (const each of peers) each.close()
    await world.close()
  }
}

const frame = (text: string) => {
  const piece = Buffer.alloc(PIECE_HEADER_BYTES + text.length)
  sealWhole(piece, [Buffer.from(text)], crc32c)
  return piece
}

async function up({ node, peer }: Scene, letter = 'b'): Promise<RawPeer> {
  const raw = peer(letter)
  await raw.connect()
  await eventually(() => node.network.isUp(raw.hello.nodeId), 'up')
  return raw
}

const lastDown = (node: TestNode): string => {
  const down = node.events.filter((event) => event.type === 'down').at(-1)
  return down?.reason ?? ''
}

test.serial('bytes that are no frame end the connection, with a reason for both sides', async (t) => {
  await scene(t, async (s) => {
    const damaged = Buffer.from(frame('hello'))
    damaged[14]! ^= 1
    const cases: [string, (data: WebSocket) => void][] = [
      ['checksum', (data) => data.send(damaged)],
      ['size', (data) => data.send(Buffer.alloc(0))],
      ['format', (data) => data.send(Buffer.alloc(500, 3))],
      ['text', (data) => data.send('a text')],
    ]
    for (const [i, [word, send]] of cases.entries()) {
      const peer = await up(s)
      const told = Promise.all([closeOf(peer.data), closeOf(peer.control)])
      send(peer.data)
      for (const { code, reason } of await told) {
        t.is(code, 4000)
        t.regex(reason, new RegExp(word))
      }
      await eventually(() => s.node.count('down') === i + 1, 'down')
      t.regex(lastDown(s.node), new RegExp(word))
    }
    t.is(s.network.stats().closed.malformed, cases.length)
    t.is(s.node.count('frame'), 0)
  })
})

test.serial('messages beyond a piece, and pieces in many fragments, end the connection', async (t) => {
  await scene(t, async (s) => {
    const sends: ((data: WebSocket) => void)[] = [
      (data) => data.send(Buffer.alloc(PIECE_BYTES + 1)),
      (data) => data.send(Buffer.alloc(5_000_000)),
      (data) => {
        for (let i = 0; i < 100; i++) data.send(Buffer.alloc(1), { fin: false })
      },
    ]
    for (const [i, send] of sends.entries()) {
      const peer = await up(s)
      send(peer.data)
      await eventually(() => s.node.count('down') === i + 1, `case ${i}`)
    }
    t.is(s.network.stats().closed.malformed, sends.length)
  })
})

test.serial('a message that never ends is held no longer than silence lasts', async (t) => {
  await scene(t, async (s) => {
    const peer = await up(s)
    for (const ws of [peer.data, peer.control]) ws.on('ping', () => ws.pause())
    peer.data.send(frame('begun').subarray(0, 5), { fin: false })
    await eventually(() => s.node.count('down') === 1, 'down')
    t.regex(lastDown(s.node), /silent/)
  })
})

test.serial('frames that are begun and never ended are bounded', async (t) => {
  await scene(t, async (s) => {
    const peer = await up(s)
    for (let stream = 0; stream <= limits.peerPartialFrames; stream++) {
      const piece = Buffer.alloc(PIECE_BYTES)
      sealPiece(piece, FIRST_PIECE, stream, PIECE_CONTENT_BYTES + 1, crc32c)
      peer.data.send(piece)
    }
    await eventually(() => s.node.count('down') === 1, 'down')
    t.regex(lastDown(s.node), /partials/)
  })
})

test.serial('nothing may be sent before both connections are proven, and the second must come', async (t) => {
  await scene(t, async (s) => {
    const early = s.peer()
    const control = await early.prove('control')
    control.send(frame('too early'))
    const { code, reason } = await closeOf(control)
    t.is(code, 4000)
    t.regex(reason, /before both/)
    const lonely = await s.peer('d').prove('control')
    t.regex((await closeOf(lonely)).reason, /second connection/)
    t.is(s.node.events.length, 0)
  })
})

test.serial('a data connection without its control connection is refused', async (t) => {
  await scene(t, async (s) => {
    await t.throwsAsync(s.peer().prove('data'), { message: 'no-such-link' })
    const peer = await up(s)
    await t.throwsAsync(peer.prove('data'), { message: 'no-such-link' })
    t.true(s.network.isUp(peer.hello.nodeId))
    t.is(s.network.stats().refused['no-such-link'], 2)
  })
})

test.serial('either connection that ends takes the other with it', async (t) => {
  await scene(t, async (s) => {
    for (const [i, channel] of (['control', 'data'] as const).entries()) {
      const peer = await up(s)
      const other = closeOf(channel === 'control' ? peer.data : peer.control)
      peer[channel].terminate()
      await other
      await eventually(() => s.node.count('down') === i + 1, 'down')
    }
    t.is(s.network.stats().peersUp, 0)
  })
})

test.serial(
  'what a peer writes as a reason reaches the log and the sink without control characters',
  async (t) => {
    await scene(t, async (s) => {
      const peer = await up(s)
      peer.control.close(4000, 'one\r\ntwo\u001b[31m')
      await eventually(() => s.node.count('down') === 1, 'down')
      t.is(lastDown(s.node), 'closed by the other side (4000: one??two?[31m)')
    })
  },
)

test.serial('pings whose answers are not taken end the connection', async (t) => {
  await scene(t, async (s) => {
    const peer = await up(s)
    peer.data.pause()
    for (let i = 0; i < 200_000; i++) peer.data.ping(Buffer.alloc(125))
    await eventually(() => s.node.count('down') === 1, 'down')
    t.is(s.network.stats().waitingBytes.data, 0)
  })
})
