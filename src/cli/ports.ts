import { createServer } from 'node:net'

/** Whether this process could listen there now. */
export function isPortFree(host: string, port: number): Promise<boolean> {
  return listening(host, port).then(
    () => true,
    () => false,
  )
}

/** A port of this host that nobody listens on now. */
export function freePort(host: string): Promise<number> {
  return listening(host, 0)
}

/** The port that could be had; it is let go again before this resolves. */
function listening(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
