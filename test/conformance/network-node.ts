/** What the network suite is made of: the world that an implementation brings, and a node that watches its network. */
import type { ExecutionContext } from 'ava'
import type { Channel, Hello, Network, NetworkSink, SendResult } from '../../src/ports/network.js'

export interface NetworkWorld {
  /** A network for the node of this hello. If that node has crashed, this is its next life. */
  network(hello: Hello): Network
  /** Where the node `from` reaches the node `to`; both were started. */
  address(from: string, to: string): Promise<string>
  /** Lets the world run until the condition holds; rejects, naming `what`, when it never does. */
  until(condition: () => boolean, what: string): Promise<void>
  /** Lets everything that can happen soon happen. */
  settle(): Promise<void>
  /** Breaks all connections of the two, abruptly. New ones can be made. */
  break(a: string, b: string): void
  /** Nothing moves between the two in either direction, without any connection breaking, until `thaw`. */
  freeze(a: string, b: string): void
  thaw(a: string, b: string): void
  /** The node is gone without a word: for the others its connections look open and silent. */
  crash(id: string): void
  close(): Promise<void>
}

export type NetworkEvent =
  | { readonly type: 'up'; readonly peer: string; readonly hello: Hello }
  | { readonly type: 'down'; readonly peer: string; readonly reason: string }
  | { readonly type: 'frame'; readonly peer: string; readonly channel: Channel; readonly bytes: Uint8Array }
  | { readonly type: 'failed'; readonly address: string; readonly reason: string }
  | { readonly type: 'reached'; readonly address: string; readonly peer: string }

/** A network with a sink that writes everything down and checks what must hold at each call. */
export class TestNode implements NetworkSink {
  readonly hello: Hello
  readonly network: Network
  readonly events: NetworkEvent[] = []
  readonly violations: string[] = []
  readonly #up = new Set<string>()
  #calling = false
  #stopped = false
  onFrame: ((peer: string, channel: Channel, bytes: Uint8Array) => void) | undefined
  onUp: ((peer: string) => void) | undefined

  constructor(world: NetworkWorld, hello: Hello) {
    this.hello = hello
    this.network = world.network(hello)
  }

  get id(): string {
    return this.hello.nodeId
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: string) => (error === undefined ? resolve() : reject(new Error(error)))
      this.network.start(() => this.hello, this, done)
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.call(() => this.network.stop(resolve))
      this.#stopped = true
    })
  }

  /** Calls the port, during which the sink must stay silent. */
  call<T>(run: () => T): T {
    const outer = this.#calling
    this.#calling = true
    try {
      return run()
    } finally {
      this.#calling = outer
    }
  }

  setPeers(peers: readonly { id: string; address: string }[]): void {
    this.call(() => this.network.setPeers(peers))
  }

  send(to: TestNode, channel: Channel, parts: readonly Uint8Array[], inOrder?: boolean): SendResult {
    // Copies, which are scribbled over as soon as the port has them: it may not look at them any more.
    const given = parts.map((part) => Buffer.from(part))
    const result = this.call(() => this.network.send(to.id, channel, given, inOrder))
    for (const part of given) part.fill(0xee)
    return result
  }

  isUp(peer: TestNode): boolean {
    return this.network.isUp(peer.id) && this.#up.has(peer.id)
  }

  /** Contents of the frames from `peer`, in the order of their arrival. */
  frames(peer: TestNode, channel: Channel): Uint8Array[] {
    const found: Uint8Array[] = []
    for (const event of this.events)
      if (event.type === 'frame' && event.peer === peer.id && event.channel === channel)
        found.push(event.bytes)
    return found
  }

  count(type: NetworkEvent['type'], peer?: TestNode): number {
    return this.events.filter(
      (event) => event.type === type && (!peer || ('peer' in event && event.peer === peer.id)),
    ).length
  }

  peerUp(peer: string, hello: Hello): void {
    this.#check('peerUp')
    if (this.#up.has(peer)) this.violations.push('peerUp twice')
    if (hello.nodeId !== peer) this.violations.push('peerUp with another hello')
    if (!this.network.isUp(peer)) this.violations.push('peerUp, but isUp says no')
    this.#up.add(peer)
    this.events.push({ type: 'up', peer, hello })
    this.onUp?.(peer)
  }

  peerDown(peer: string, reason: string): void {
    this.#check('peerDown')
    if (!this.#up.delete(peer)) this.violations.push('peerDown without peerUp')
    if (this.network.isUp(peer)) this.violations.push('peerDown, but isUp says yes')
    this.events.push({ type: 'down', peer, reason })
  }

  frame(peer: string, channel: Channel, bytes: Uint8Array): void {
    this.#check('frame')
    if (!this.#up.has(peer)) this.violations.push('a frame from a peer that is not up')
    this.events.push({ type: 'frame', peer, channel, bytes })
    this.onFrame?.(peer, channel, bytes)
  }

  dialFailed(address: string, reason: string): void {
    this.#check('dialFailed')
    this.events.push({ type: 'failed', address, reason })
  }

  dialReached(address: string, peer: string): void {
    this.#check('dialReached')
    if (!this.#up.has(peer)) this.violations.push('dialReached for a peer that is not up')
    this.events.push({ type: 'reached', address, peer })
  }

  #check(what: string): void {
    if (this.#calling) this.violations.push(`${what} from within a call`)
    if (this.#stopped) this.violations.push(`${what} after stop`)
  }
}

/** A hello of cluster 'c…'; `letter` is a hex digit, and ids sort as letters do. */
export function helloOf(letter: string, more: Partial<Hello> = {}): Hello {
  return {
    nodeId: letter.repeat(32),
    clusterId: 'c'.repeat(32),
    name: `node-${letter}`,
    peerAddress: `${letter}.example:7500`,
    boot: 1,
    incarnation: letter.repeat(16),
    wireMin: 1,
    wireMax: 1,
    storageMin: 1,
    storageMax: 1,
    build: '',
    ...more,
  }
}

/** Makes each pair know each other and waits until all are up. */
export async function connect(world: NetworkWorld, ...nodes: TestNode[]): Promise<void> {
  await introduce(world, ...nodes)
  const pairs = nodes.flatMap((a) => nodes.filter((b) => b !== a).map((b) => [a, b] as const))
  await world.until(() => pairs.every(([a, b]) => a.isUp(b)), 'all peers up')
}

async function introduce(world: NetworkWorld, ...nodes: TestNode[]): Promise<void> {
  const peers = await Promise.all(
    nodes.map((from) =>
      Promise.all(
        nodes
          .filter((to) => to !== from)
          .map(async (to) => ({ id: to.id, address: await world.address(from.id, to.id) })),
      ),
    ),
  )
  for (const [i, node] of nodes.entries()) node.setPeers(peers[i]!)
}

/** Bytes that differ from frame to frame and within each. */
export function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = (seed * 2654435761 + 12345) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export const numberOf = (frame: Uint8Array): number => Buffer.from(frame).readUInt32LE(0)

/** One test of the suite. `make` gives a started node. */
export type Scenario = (
  t: ExecutionContext,
  world: NetworkWorld,
  make: (hello: Hello) => Promise<TestNode>,
) => Promise<void>
