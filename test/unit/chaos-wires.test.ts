/** The proxies between nodes, with plain sockets at both ends: what each fault does to bytes and to closings. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Wires } from '../chaos/wires.js'
import { freePorts } from '../cluster/free-ports.js'
import { until } from '../cluster/until.js'

const MY_ADDRESS = 'address-of-n1'

/** n1 has dialled n2 through n2's proxy, and introduced itself. */
class Pair {
  readonly wires: Wires
  readonly n1: Socket
  readonly n2: Socket
  readonly #heard = new Map<Socket, Buffer>()

  readonly server: Server

  private constructor(wires: Wires, server: Server, n1: Socket, n2: Socket) {
    this.wires = wires
    this.server = server
    this.n1 = n1
    this.n2 = n2
    for (const socket of [n1, n2]) {
      socket.on('error', () => {})
      socket.on('data', (bytes: Buffer) => this.#heard.set(socket, Buffer.concat([this.at(socket), bytes])))
    }
  }

  static async open(t: ExecutionContext): Promise<Pair> {
    const [proxyPort, port] = (await freePorts(2)) as [number, number]
    const server: Server = createServer()
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const wires = new Wires()
    await wires.serve(
      'n2',
      proxyPort,
      port,
      new Map([
        [MY_ADDRESS, 'n1'],
        ['address-of-n2', 'n2'],
      ]),
    )
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const n1 = connect({ port: proxyPort, host: '127.0.0.1' })
    const [n2] = await accepted
    t.teardown(() => {
      wires.close()
      server.close()
      n1.destroy()
      n2.destroy()
    })
    const pair = new Pair(wires, server, n1, n2)
    n1.write(`hello, ${MY_ADDRESS}`)
    await pair.hears(n2, `hello, ${MY_ADDRESS}`)
    return pair
  }

  at(socket: Socket): Buffer {
    return this.#heard.get(socket) ?? Buffer.alloc(0)
  }

  hears(socket: Socket, text: string): Promise<void> {
    return until(`'${text}' arrives`, () => this.at(socket).includes(text))
  }
}

test('bytes pass in both directions, and a closing behind them', async (t) => {
  const pair = await Pair.open(t)
  const large = Buffer.alloc(3_000_000, 'x')
  pair.n2.end(large)
  await until('all arrives', () => pair.at(pair.n1).length === large.length)
  await until('the closing arrives', () => pair.n1.readableEnded)
  t.true(pair.at(pair.n1).equals(large))
})

test('a way that is cut holds back, the other way passes, and healing lets go on', async (t) => {
  const pair = await Pair.open(t)
  pair.wires.set('n1', 'n2', { cut: true })
  pair.n1.write('held')
  pair.n2.write('passes')
  await pair.hears(pair.n1, 'passes')
  await sleep(100)
  t.false(pair.at(pair.n2).includes('held'))
  pair.wires.heal()
  await pair.hears(pair.n2, 'held')
})

test('who closes behind a cut is not heard of until it heals', async (t) => {
  const pair = await Pair.open(t)
  pair.wires.set('n1', 'n2', { cut: true })
  pair.n1.destroy()
  await sleep(100)
  t.false(pair.n2.readableEnded || pair.n2.destroyed)
  pair.wires.heal()
  await until('n2 hears of it', () => pair.n2.readableEnded || pair.n2.destroyed)
})

test('a new connection through a cut is not introduced', async (t) => {
  const pair = await Pair.open(t)
  pair.wires.set('n1', 'n2', { cut: true })
  const accepted = once(pair.server, 'connection') as Promise<[Socket]>
  const again = connect({ port: pair.n1.remotePort as number, host: '127.0.0.1' })
  const [other] = await accepted
  let reached = 0
  other.on('data', (bytes) => {
    reached += bytes.length
  })
  for (const socket of [again, other]) {
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
  }
  again.write(`hello again, ${MY_ADDRESS}`)
  await sleep(100)
  t.is(reached, 0)
  pair.wires.heal()
  await until('it is introduced', () => reached > 0)
})

test('delay keeps the order', async (t) => {
  const pair = await Pair.open(t)
  pair.wires.set('n2', 'n1', { delayMs: 150 })
  const begunMs = performance.now()
  pair.n2.write('one ')
  await sleep(20)
  pair.wires.set('n2', 'n1', { delayMs: 0 })
  pair.n2.write('two')
  await pair.hears(pair.n1, 'one two')
  t.true(performance.now() - begunMs >= 140)
})

test('one bit is changed, and only so often as asked', async (t) => {
  const pair = await Pair.open(t)
  pair.wires.set('n2', 'n1', { corrupt: 1 })
  pair.n2.write('aaaa')
  await until('it arrives', () => pair.at(pair.n1).length === 4)
  const wrong = [...pair.at(pair.n1)].filter((byte) => byte !== 'a'.charCodeAt(0))
  t.is(wrong.length, 1)
  t.is(pair.wires.corrupted, 1)
  pair.n2.write('bbbb')
  await pair.hears(pair.n1, 'bbbb')
})

test('a reset is a reset on both sides', async (t) => {
  const pair = await Pair.open(t)
  t.is(pair.wires.reset('n2', 'n1'), 1)
  await until('both are gone', () => pair.n1.destroyed && pair.n2.destroyed)
})

test('what went silent stays open and carries nothing, and new connections work', async (t) => {
  const pair = await Pair.open(t)
  t.is(pair.wires.silence('n1', 'n2'), 1)
  pair.n1.write('into the void')
  pair.n2.write('into the void')
  await sleep(100)
  t.false(pair.at(pair.n2).includes('void') || pair.at(pair.n1).includes('void'))
  t.false(pair.n1.destroyed || pair.n2.destroyed)
  pair.n1.destroy()
  await sleep(50)
  t.false(pair.n2.destroyed)
})
