/** The peer port towards those who have not proven themselves, over real sockets. */
import { once } from 'node:events'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { WebSocket, WebSocketServer } from 'ws'
import type { WsNetwork, WsNetworkOptions } from '../../src/io/network/index.js'
import { limits } from '../../src/limits.js'
import type { Hello } from '../../src/ports/network.js'
import { encodeBegin, encodeChallenge } from '../../src/wire/handshake.js'
import { helloOf, TestNode } from '../conformance/network-node.js'
import { eventually, QUICK, WsWorld } from '../conformance/ws-world.js'
import { closeOf, nextOf } from './raw-peer.js'

interface Scene {
  readonly world: WsWorld
  readonly node: TestNode
  readonly network: WsNetwork
  readonly url: string
  readonly port: number
  make(hello: Hello, options?: Partial<WsNetworkOptions>): Promise<TestNode>
  /** A WebSocket of a stranger, open. */
  stranger(): Promise<WebSocket>
}

async function scene(
  t: ExecutionContext,
  run: (scene: Scene) => Promise<void>,
  options: Partial<WsNetworkOptions> = {},
): Promise<void> {
  const worlds: WsWorld[] = []
  const make = async (hello: Hello, own: Partial<WsNetworkOptions> = {}): Promise<TestNode> => {
    const world = new WsWorld(own)
    worlds.push(world)
    const node = new TestNode(world, hello)
    await node.start()
    return node
  }
  const node = await make(helloOf('a'), options)
  const world = worlds[0]!
  const network = world.networks.get(node.id)!
  const url = `ws://${network.address}/peer`
  const stranger = async () => {
    const ws = new WebSocket(url)
    ws.on('error', () => {})
    await nextOf(ws, 'open')
    return ws
  }
  try {
    await run({ world, node, network, url, port: Number(network.address.split(':')[1]), make, stranger })
    t.deepEqual(node.violations, [])
  } finally {
    for (const each of worlds) await each.close()
  }
}

const begin = () => encodeBegin({ channel: 'control', nonce: Buffer.alloc(32, 1) })

/** The code, if it came without a word. */
async function closeCode(ws: WebSocket): Promise<number> {
  const { code, reason } = await closeOf(ws)
  return reason === '' ? code : -1
}

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function answerTo(port: number, request: string): Promise<string> {
  const socket = await tcp(port)
  let answer = ''
  socket.on('data', (bytes) => {
    answer += bytes
  })
  socket.write(request)
  await once(socket, 'close')
  return answer
}

test.serial('a stranger that sends no handshake is closed with a generic code and no word', async (t) => {
  await scene(t, async ({ node, network, stranger }) => {
    const first: readonly (Uint8Array | string)[] = [
      Buffer.from('hello'),
      Buffer.alloc(0),
      'text',
      Buffer.alloc(1000, 7),
    ]
    for (const bytes of first) {
      const ws = await stranger()
      ws.send(bytes)
      t.is(await closeCode(ws), 1008)
    }
    t.is(network.stats().refused.malformed, first.length)
    t.deepEqual(node.events, [])
  })
})

test.serial(
  'who has begun and then sends garbage for a proof is refused before anything of it is decoded',
  async (t) => {
    await scene(t, async ({ network, stranger }) => {
      const ws = await stranger()
      ws.send(begin())
      await nextOf(ws, 'message')
      ws.send(Buffer.alloc(200, 0xff))
      t.is(await closeCode(ws), 1008)
      t.is(network.stats().refused['bad-proof'], 1)
    })
  },
)

test.serial('another secret keeps two nodes apart, and both can say so', async (t) => {
  await scene(t, async ({ node, network, make }) => {
    const other = await make(helloOf('b'), {
      secrets: [Buffer.from('quite another secret, of the same kind')],
    })
    other.call(() => other.network.dial(network.address))
    await eventually(() => other.count('failed') > 0, 'refused')
    const failed = other.events.find((event) => event.type === 'failed')
    t.regex(failed?.reason ?? '', /^refused: .*1008/)
    t.true(network.stats().refused['bad-proof']! > 0)
    t.is(node.count('up') + other.count('up'), 0)
  })
})

test.serial('a handshake that was recorded proves nothing when it is played again', async (t) => {
  await scene(t, async ({ node, network, port, make }) => {
    const recorded: Buffer[] = []
    const wiretap = createServer((near) => {
      const far = connectTcp(port, '127.0.0.1')
      near.on('data', (bytes) => recorded.push(bytes))
      near.on('error', () => {}).pipe(far)
      far.on('error', () => {}).pipe(near)
    })
    await new Promise<void>((resolve) => wiretap.listen(0, '127.0.0.1', resolve))
    const peer = await make(helloOf('b'))
    const tapped = `127.0.0.1:${(wiretap.address() as { port: number }).port}`
    peer.setPeers([{ id: node.id, address: tapped }])
    await eventually(() => node.isUp(peer), 'the real handshake')
    await peer.stop()
    wiretap.close()
    await eventually(() => node.count('down') === 1, 'the real peer has left')
    const again = await tcp(port)
    const ended = once(again, 'close')
    again.resume()
    again.write(Buffer.concat(recorded))
    await ended
    t.is(network.stats().refused['bad-proof'], 1)
    t.is(node.count('up'), 1)
  })
})

test.serial('a node’s own words, sent back to it, prove nothing', async (t) => {
  await scene(t, async ({ node, network, url }) => {
    const mirror = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    await once(mirror, 'listening')
    mirror.on('connection', (dialled) => {
      const back = new WebSocket(url)
      dialled.on('error', () => {})
      back.on('error', () => {})
      const early: Buffer[] = []
      const forward = (bytes: Buffer) =>
        back.readyState === WebSocket.OPEN ? back.send(bytes) : early.push(bytes)
      dialled.on('message', forward)
      back.on('open', () => {
        for (const bytes of early) back.send(bytes)
      })
      // The challenge would give the mirror away by the node's own id: claim to be somebody else.
      back.on('message', (bytes: Buffer) =>
        dialled.send(encodeChallenge({ nonce: bytes.subarray(4, 36), nodeId: 'e'.repeat(32) })),
      )
      back.on('close', () => dialled.terminate())
    })
    node.call(() => node.network.dial(`127.0.0.1:${(mirror.address() as { port: number }).port}`))
    await eventually(() => (network.stats().refused['bad-proof'] ?? 0) > 0, 'the mirror is refused')
    await eventually(() => node.count('failed') > 0, 'the dial has failed')
    t.is(node.count('up'), 0)
    mirror.close()
    for (const client of mirror.clients) client.terminate()
  })
})

test.serial('an acceptor that does not know the secret is not believed', async (t) => {
  await scene(t, async ({ node }) => {
    const impostor = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(impostor, 'listening')
    impostor.on('connection', (ws) => {
      ws.on('error', () => {})
      ws.once('message', () => {
        ws.send(encodeChallenge({ nonce: Buffer.alloc(32, 3), nodeId: 'e'.repeat(32) }))
        ws.once('message', (proof: Buffer) =>
          ws.send(Buffer.concat([Buffer.from('RH\x01\x04\x00'), proof.subarray(20)])),
        )
      })
    })
    node.call(() => node.network.dial(`127.0.0.1:${(impostor.address() as { port: number }).port}`))
    await eventually(() => node.count('failed') > 0, 'failed')
    const failed = node.events.find((event) => event.type === 'failed')
    t.regex(failed?.reason ?? '', /^bad-proof:/)
    impostor.close()
    for (const client of impostor.clients) client.terminate()
  })
})

test.serial(
  'a stranger’s bytes are bounded, in one message, in many and in fragments of one byte',
  async (t) => {
    await scene(t, async ({ network, stranger }) => {
      const long = await stranger()
      long.send(Buffer.alloc(limits.peerHandshakeMessageBytes + 1))
      t.is(await closeCode(long), 1008)
      const huge = await stranger()
      huge.send(Buffer.alloc(50_000))
      await closeOf(huge)
      const fragments = await stranger()
      for (let i = 0; i < 10_000; i++) fragments.send(Buffer.alloc(1), { fin: false })
      await closeOf(fragments)
      t.is(network.stats().refused.oversize, 3)
      const announced = await stranger()
      announced.send(Buffer.alloc(10_000_000))
      await closeOf(announced)
      await eventually(() => network.stats().unproven === 0, 'all gone')
    })
  },
)

test.serial('a stranger that is slow or silent is gone after the deadline', async (t) => {
  await scene(
    t,
    async ({ network, port, stranger }) => {
      const silent = await tcp(port)
      const halfRequest = await tcp(port)
      halfRequest.write('GET /peer HTTP/1.1\r\nHost: x\r\n')
      const halfMessage = await tcp(port)
      halfMessage.write(
        'GET /peer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      )
      halfMessage.write(Buffer.from([0x82, 0xa4, 0, 0, 0, 0, 0x52]))
      const begun = await stranger()
      begun.send(begin())
      const sockets = [silent, halfRequest, halfMessage]
      for (const socket of sockets) socket.resume()
      await Promise.all([...sockets.map((socket) => once(socket, 'close')), closeOf(begun)])
      t.is(network.stats().refused.deadline, 4)
      await eventually(() => network.stats().unproven === 0, 'no stranger left')
    },
    { timing: { ...QUICK, handshakeMs: 300 } },
  )
})

test.serial('a crowd of strangers is bounded, and keeps no peer out', async (t) => {
  await scene(t, async ({ node, network, port, make }) => {
    const crowd = await Promise.all(
      Array.from({ length: 3 * limits.peerUnprovenConnections }, () => tcp(port)),
    )
    await eventually(
      () => network.stats().refused.crowded === 2 * limits.peerUnprovenConnections,
      'the oldest went',
    )
    t.is(network.stats().unproven, limits.peerUnprovenConnections)
    const peer = await make(helloOf('b'))
    peer.setPeers([{ id: node.id, address: network.address }])
    await eventually(() => peer.isUp(node) && node.isUp(peer), 'the peer came through')
    t.is(
      network.stats().unproven,
      limits.peerUnprovenConnections - 1,
      'the oldest two made room, one after the other',
    )
    for (const socket of crowd) socket.destroy()
  })
})

test.serial('the peer port does nothing but upgrade on its one path, for others than browsers', async (t) => {
  await scene(t, async ({ network, port, url }) => {
    const upgrade = (path: string, more = '') =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`
    t.regex(await answerTo(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 404 /)
    t.regex(
      await answerTo(port, 'POST /peer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'),
      /^HTTP\/1\.1 404 /,
    )
    t.regex(await answerTo(port, upgrade('/')), /^HTTP\/1\.1 404 /)
    t.regex(await answerTo(port, upgrade('/peer?x')), /^HTTP\/1\.1 404 /)
    t.regex(await answerTo(port, upgrade('/peer', 'Origin: http://evil.example\r\n')), /^HTTP\/1\.1 404 /)
    t.is(network.stats().refused['not-a-peer'], 5)
    t.is(await answerTo(port, 'no http at all\r\n\r\n'), '')
    t.is(await answerTo(port, `GET /peer HTTP/1.1\r\nX: ${'x'.repeat(limits.peerHeadBytes)}\r\n\r\n`), '')
    const compressing = new WebSocket(url, { perMessageDeflate: true })
    await once(compressing, 'open')
    t.is(compressing.extensions, '')
    compressing.terminate()
  })
})

test.serial('an address where no peer port listens is told as a failure, whatever lives there', async (t) => {
  await scene(t, async ({ node }) => {
    const babbler = createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH\r\n'))
    await new Promise<void>((resolve) => babbler.listen(0, '127.0.0.1', resolve))
    const babbling = `127.0.0.1:${(babbler.address() as { port: number }).port}`
    const nobody = `127.0.0.1:1`
    for (const address of [babbling, nobody, 'no address', '127.0.0.1:7500/other?', 'a@b:1'])
      node.call(() => node.network.dial(address))
    await eventually(
      () => new Set(node.events.map((e) => e.type === 'failed' && e.address)).size === 5,
      'all failed',
    )
    for (const event of node.events) t.regex(event.type === 'failed' ? event.reason : '', /^unreachable: ./)
    babbler.close()
  })
})
