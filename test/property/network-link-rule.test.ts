/**
 * Two nodes that dial each other, as a model: sockets are queues of words, and anything may happen in any order, resets and
 * restarts included. The rules under test are the real ones (src/io/network/link-rule.ts); everything around them is as small as
 * it can be. When the faults end, both nodes must come to hold the same link, and keep it.
 */
import test from 'ava'
import fc from 'fast-check'
import { mayAccept, mayProve } from '../../src/io/network/link-rule.js'

type Word = 'begin' | 'challenge' | 'proof' | 'welcome' | 'refused' | 'closed'

/** One connection; a link is made of one here, since the data connection only follows. */
class Socket {
  readonly dialler: Node
  readonly acceptor: Node
  readonly toAcceptor: Word[] = ['begin']
  readonly toDialler: Word[] = []
  challengeOrder = 0
  /** Those who have forgotten it: they hear nothing of it and say nothing. */
  readonly forgottenBy = new Set<Node>()
  constructor(dialler: Node, acceptor: Node) {
    this.dialler = dialler
    this.acceptor = acceptor
  }
}

interface Held {
  readonly socket: Socket
  readonly dialledBySelf: boolean
  readonly acceptedOrder: number
}

class Node {
  readonly id: string
  order = 0
  held: Held | undefined
  dial: { readonly socket: Socket; challenged: boolean } | undefined
  constructor(id: string) {
    this.id = id
  }

  /** Ends this node's side of a socket: the other side will find out. */
  close(socket: Socket): void {
    if (this.held?.socket === socket) this.held = undefined
    if (this.dial?.socket === socket) this.dial = undefined
    const towards = socket.dialler === this ? socket.toAcceptor : socket.toDialler
    towards.push('closed')
  }

  hear(socket: Socket, word: Word): void {
    if (socket.forgottenBy.has(this)) return
    if (word === 'closed') {
      if (this.held?.socket === socket) this.held = undefined
      if (this.dial?.socket === socket) this.dial = undefined
    } else if (socket.dialler === this) this.#answerAsDialler(socket, word)
    else this.#answerAsAcceptor(socket, word)
  }

  #answerAsDialler(socket: Socket, word: Word): void {
    if (this.dial?.socket !== socket) return
    if (word === 'challenge') {
      if (!mayProve(this.held !== undefined, false)) return this.close(socket)
      this.dial.challenged = true
      socket.toAcceptor.push('proof')
    } else if (word === 'welcome') {
      this.dial = undefined
      this.held = { socket, dialledBySelf: true, acceptedOrder: ++this.order }
    } else this.close(socket)
  }

  #answerAsAcceptor(socket: Socket, word: Word): void {
    if (word === 'begin') {
      socket.challengeOrder = ++this.order
      socket.toDialler.push('challenge')
      return
    }
    const accepted = mayAccept({
      selfId: this.id,
      peerId: socket.dialler.id,
      challengeOrder: socket.challengeOrder,
      ownDialChallenged: this.dial?.challenged === true,
      held: this.held,
    })
    if (!accepted) {
      socket.toDialler.push('refused')
      return
    }
    if (this.held !== undefined) this.close(this.held.socket)
    if (this.dial !== undefined) this.close(this.dial.socket)
    this.held = { socket, dialledBySelf: false, acceptedOrder: 0 }
    socket.toDialler.push('welcome')
  }
}

class Pair {
  readonly nodes = [new Node('a'), new Node('b')] as const
  readonly sockets: Socket[] = []

  dial(from: 0 | 1): void {
    const node = this.nodes[from]
    if (node.held !== undefined || node.dial !== undefined) return
    const socket = new Socket(node, this.nodes[1 - from]!)
    node.dial = { socket, challenged: false }
    this.sockets.push(socket)
  }

  /** Delivers one word of those in flight, chosen by `choice`; false when nothing is. */
  deliver(choice: number): boolean {
    const lanes = this.sockets.flatMap((socket) => [
      { socket, words: socket.toAcceptor, to: socket.acceptor },
      { socket, words: socket.toDialler, to: socket.dialler },
    ])
    const waiting = lanes.filter(({ words }) => words.length > 0)
    if (waiting.length === 0) return false
    const { socket, words, to } = waiting[choice % waiting.length]!
    to.hear(socket, words.shift()!)
    return true
  }

  /** Forgets a node's side of everything without a word: the other side sees nothing. */
  restart(which: 0 | 1): void {
    this.nodes[which].held = undefined
    this.nodes[which].dial = undefined
    for (const socket of this.sockets) socket.forgottenBy.add(this.nodes[which])
  }

  /** The deadline of handshakes: what has not ended by now never will. */
  deadline(): void {
    for (const node of this.nodes) if (node.dial !== undefined) node.close(node.dial.socket)
  }

  reset(choice: number): void {
    const socket = this.sockets[choice % Math.max(1, this.sockets.length)]
    if (socket === undefined) return
    socket.toAcceptor.length = 0
    socket.toDialler.length = 0
    socket.toAcceptor.push('closed')
    socket.toDialler.push('closed')
  }

  get agreed(): boolean {
    const [a, b] = this.nodes
    return a.held !== undefined && a.held.socket === b.held?.socket
  }
}

const step = fc.record({
  what: fc.constantFrom(
    'dial',
    'dial',
    'deliver',
    'deliver',
    'deliver',
    'deliver',
    'reset',
    'restart' as const,
  ),
  choice: fc.nat({ max: 7 }),
})

/** After the faults: everything in flight arrives in some order, and who holds no link dials, until both agree. */
function heal(pair: Pair, choices: readonly number[]): boolean {
  let turn = 0
  const choice = () => choices[turn++ % choices.length]!
  for (let round = 0; round < 50; round++) {
    for (const which of choice() % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      pair.dial(which)
      for (let n = choice(); n > 0; n--) pair.deliver(choice())
    }
    while (pair.deliver(choice()));
    if (pair.agreed) break
    pair.deadline()
  }
  const held = pair.nodes[0].held
  while (pair.deliver(choice()));
  return pair.agreed && pair.nodes[0].held === held
}

test('whatever happened before, both nodes come to hold the same link and keep it', (t) => {
  const property = fc.property(
    fc.array(step, { maxLength: 60 }),
    fc.array(fc.nat({ max: 9 }), { minLength: 5, maxLength: 40 }),
    (steps, choices) => {
      const pair = new Pair()
      for (const { what, choice } of steps) {
        const which = (choice % 2) as 0 | 1
        if (what === 'dial') pair.dial(which)
        else if (what === 'deliver') pair.deliver(choice)
        else if (what === 'reset') pair.reset(choice)
        else pair.restart(which)
      }
      return heal(pair, choices)
    },
  )
  t.notThrows(() => fc.assert(property, { numRuns: 20_000 }))
})

test('a node that lost its link without a word gets it back by its first dial', (t) => {
  for (const [first, loser] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const) {
    const pair = new Pair()
    pair.dial(first)
    while (pair.deliver(0));
    t.true(pair.agreed)
    pair.restart(loser)
    pair.dial(loser)
    while (pair.deliver(0));
    t.true(pair.agreed, `dialled by ${first}, lost by ${loser}`)
  }
})
