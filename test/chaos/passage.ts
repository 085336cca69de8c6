/** One connection from a node through another node's proxy. */
import { connect, type Socket } from 'node:net'
import type { Way } from './wires.js'

export interface PassageSurroundings {
  /** The node that was dialled. */
  readonly target: string
  /** Names of nodes by the address that they advertise. */
  readonly addresses: ReadonlyMap<string, string>
  way(from: string, to: string): Way
  corrupted(): void
  /** Both ends are gone. */
  closed(): void
}

/** So much is read ahead of a way that takes nothing; the rest stays in the sockets. */
const HELD_BYTES = 256 * 1024
/** The dialler has told its address within so many bytes, or never will. */
const INTRODUCTION_BYTES = 4096

export class Passage {
  readonly #around: PassageSurroundings
  readonly #dialler: Socket
  readonly #acceptor: Socket
  readonly #there: Flow
  readonly #back: Flow
  #introduction = Buffer.alloc(0)
  #source: string | undefined
  #open = 2

  constructor(dialler: Socket, targetPort: number, around: PassageSurroundings) {
    this.#around = around
    this.#dialler = dialler
    this.#acceptor = connect({ port: targetPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    this.#there = new Flow(dialler, this.#acceptor, () => this.#way(true), around)
    this.#back = new Flow(this.#acceptor, dialler, () => this.#way(false), around)
    dialler.prependListener('data', (bytes: Buffer) => this.#introduce(bytes))
    for (const socket of [dialler, this.#acceptor]) {
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#open -= 1
        if (this.#open === 0) around.closed()
      })
    }
  }

  joins(one: string, other: string): boolean {
    const ends = [this.#source, this.#around.target]
    return ends.includes(one) && ends.includes(other)
  }

  /** Lets go on what the ways now allow. */
  flow(): void {
    this.#there.flow()
    this.#back.flow()
  }

  reset(): void {
    for (const socket of [this.#dialler, this.#acceptor]) socket.resetAndDestroy()
  }

  silence(): void {
    this.#there.silence()
    this.#back.silence()
  }

  #way(there: boolean): Way | undefined {
    const { target, way } = this.#around
    if (this.#source === undefined) return undefined
    return there ? way(this.#source, target) : way(target, this.#source)
  }

  #introduce(bytes: Buffer): void {
    if (this.#source !== undefined || this.#introduction.length > INTRODUCTION_BYTES) return
    this.#introduction = Buffer.concat([this.#introduction, bytes])
    for (const [address, name] of this.#around.addresses)
      if (name !== this.#around.target && this.#introduction.includes(address)) this.#source = name
  }
}

/** One direction: bytes in order, each no sooner than its way allows, and the closing behind them. */
class Flow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #way: () => Way | undefined
  readonly #around: PassageSurroundings
  readonly #held: { readonly bytes: Buffer; readonly dueMs: number }[] = []
  #heldBytes = 0
  #ended: 'no' | 'end' | 'close' = 'no'
  #silent = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, way: () => Way | undefined, around: PassageSurroundings) {
    this.#from = from
    this.#to = to
    this.#way = way
    this.#around = around
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.once('end', () => this.#end('end'))
    from.once('close', () => this.#end('close'))
    to.on('drain', () => this.flow())
  }

  silence(): void {
    this.#silent = true
    this.#held.length = 0
    this.#from.resume()
  }

  flow(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const way = this.#way()
    if (this.#silent || way?.cut === true) return
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flow(), waitMs)
        return
      }
      this.#held.shift()
      this.#heldBytes -= next.bytes.length
      if (!this.#to.destroyed && !this.#to.write(next.bytes) && this.#ended === 'no') return
    }
    if (this.#ended === 'end') this.#to.end()
    else if (this.#ended === 'close') this.#to.destroySoon()
    else this.#from.resume()
  }

  #take(bytes: Buffer): void {
    if (this.#silent) return
    const way = this.#way()
    if (way !== undefined && way.corrupt > 0) {
      way.corrupt -= 1
      bytes[bytes.length >> 1]! ^= 1 << (bytes.length % 8)
      this.#around.corrupted()
    }
    this.#held.push({ bytes, dueMs: performance.now() + (way?.delayMs ?? 0) })
    this.#heldBytes += bytes.length
    if (this.#heldBytes > HELD_BYTES) this.#from.pause()
    this.flow()
  }

  #end(how: 'end' | 'close'): void {
    this.#ended = how
    // Nobody is told of what became silent, but what nobody holds any more may go.
    if (this.#silent && how === 'end') this.#from.destroy()
    this.flow()
  }
}
