import { createServer, type Server, type Socket } from 'node:net'

/** Takes connections at the address that a node advertises. */
export class PeerProxy {
  readonly #server: Server

  constructor(accept: (dialler: Socket) => void) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, accept)
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
  }

  close(): void {
    this.#server.close()
  }
}
