/** One keep-alive connection with at most one request under way, on a bare socket: the generator shares the cores with the servers. */
import { connect, type Socket } from 'node:net'
import { type Answer, ResponseReader } from './response.js'

const READ_BYTES = 64 * 1024

export class Connection {
  /** Called with each answer; it and its body are valid within the call only. */
  onAnswer: (answer: Answer) => void = () => {}
  /** Called once if the connection ends or says something that is no HTTP. */
  onBroken: (error: Error) => void = () => {}
  readonly #socket: Socket
  readonly #reader = new ResponseReader()

  private constructor(port: number) {
    const onread = { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: this.#read.bind(this) }
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, onread })
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(port)
      connection.#socket.once('connect', () => resolve(connection))
      connection.#socket.on('error', (error) => {
        reject(error)
        connection.onBroken(error)
      })
      connection.#socket.on('end', () => connection.onBroken(new Error('the server closed a connection')))
    })
  }

  /** `bytes` must not change before the answer is there. */
  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  close(): void {
    this.onBroken = () => {}
    this.#socket.destroy()
  }

  #read(count: number, buffer: Uint8Array): boolean {
    const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, count)
    try {
      const answer = this.#reader.push(chunk)
      if (answer !== undefined) this.onAnswer(answer)
    } catch (error) {
      this.#socket.destroy()
      this.onBroken(error as Error)
    }
    return true
  }
}
