/** A real edge on loopback over the database in memory, and a client that sends exactly what it is told. */
import { type IncomingHttpHeaders, type RequestOptions, request as sendRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type Api, type ApiOptions, createApi } from '../../src/api/api.js'
import { openapiDocument } from '../../src/api/openapi.js'
import { classify } from '../../src/api/target.js'
import { MemoryDatabase } from './memory-database.js'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** The body parsed as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any form
  readonly json: any
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Uint8Array
  /** Sends the body chunked, in these pieces. */
  readonly chunks?: readonly (string | Uint8Array)[]
}

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: Record<string, unknown> | undefined
}

export const SECRET = Buffer.from('a secret of the cluster, for tests')

/** A machine that is busy with other tests may be slower than any client; where time is the subject a test sets its own. */
const PATIENT = { headTimeoutMs: 110_000, requestTimeoutMs: 120_000 }

type Responses = Record<string, { description: string; headers?: Record<string, unknown>; content?: unknown }>

/** Throws where the OpenAPI document does not know this answer: its status, its error code, its headers of our own. */
function checkDocumented(method: string, path: string, answer: Answer): void {
  const { paths } = openapiDocument('0') as {
    paths: Record<string, Record<string, { responses: Responses }>>
  }
  const operation = paths[classify(path).path]?.[method.toLowerCase()]
  if (operation === undefined) return
  const response = operation.responses[answer.status]
  const where = `${method} ${path} answered ${answer.status}`
  if (response === undefined) throw new Error(`${where}, which the OpenAPI document does not know`)
  const code =
    answer.headers['content-type'] === 'application/json' && answer.text !== '' && answer.json.error?.code
  if (code && !response.description.includes(`\`${code}\``))
    throw new Error(`${where} ${code}, which is not documented`)
  const known = Object.keys(response.headers ?? {}).map((name) => name.toLowerCase())
  for (const name of Object.keys(answer.headers)) {
    if (name.startsWith('rotunda-') && !name.startsWith('rotunda-meta-') && !known.includes(name))
      throw new Error(`${where} with ${name}, which is not documented`)
  }
}

export class HttpEdge {
  readonly database: MemoryDatabase
  readonly api: Api
  readonly log: LogLine[] = []
  port = 0

  constructor(options: Partial<ApiOptions> = {}, database = new MemoryDatabase()) {
    this.database = database
    const line =
      (level: string) =>
      (event: string, fields?: Record<string, unknown>): void => {
        this.log.push({ level, event, fields })
      }
    this.api = createApi({
      database: this.database,
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      log: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
      secrets: [SECRET],
      allowedHosts: [],
      version: '0.0.0-test',
      nodeName: 'n1',
      ...options,
      bounds: { ...PATIENT, ...options.bounds },
    })
  }

  static async start(options: Partial<ApiOptions> = {}, database?: MemoryDatabase): Promise<HttpEdge> {
    const edge = new HttpEdge(options, database)
    edge.port = (await edge.api.listen('127.0.0.1', 0)).port
    return edge
  }

  /** Started for one test, and closed after it whatever becomes of it. */
  static async during(
    t: { teardown(work: () => Promise<void>): void },
    options: Partial<ApiOptions> = {},
    database?: MemoryDatabase,
  ): Promise<HttpEdge> {
    const edge = await HttpEdge.start(options, database)
    t.teardown(() => {
      edge.database.resume()
      return edge.close(0)
    })
    return edge
  }

  close(graceMs?: number): Promise<void> {
    return this.api.close(graceMs)
  }

  /** One request on a connection of its own; the path goes out as it is. */
  send(method: string, path: string, sent: Sent = {}, options: RequestOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { body, chunks, headers = {} } = sent
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
      const request = sendRequest(
        {
          host: '127.0.0.1',
          port: this.port,
          method,
          path,
          headers: { ...length, ...headers },
          agent: false,
          maxHeaderSize: 256 * 1024,
          ...options,
        },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', reject)
          response.on('end', () => {
            const all = Buffer.concat(parts)
            const text = all.toString('utf8')
            const answer: Answer = {
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: all,
              text,
              get json() {
                return JSON.parse(text)
              },
            }
            try {
              checkDocumented(method, path, answer)
              resolve(answer)
            } catch (error) {
              reject(error)
            }
          })
        },
      )
      request.on('error', reject)
      for (const chunk of chunks ?? []) request.write(chunk)
      request.end(body)
    })
  }

  get(path: string, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('GET', path, { headers })
  }

  put(path: string, body: string | Uint8Array, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('PUT', path, { body, headers })
  }

  post(path: string, body: string | Uint8Array): Promise<Answer> {
    return this.send('POST', path, { body })
  }

  head(path: string): Promise<Answer> {
    return this.send('HEAD', path)
  }

  delete(path: string, headers: Sent['headers'] = {}): Promise<Answer> {
    return this.send('DELETE', path, { headers })
  }

  connect(): Promise<RawConnection> {
    return RawConnection.open(this.port)
  }

  /** Writes these bytes on a connection of their own; resolves with all that comes back until the server closes it. */
  async exchangeBytes(bytes: string | Uint8Array): Promise<string> {
    const connection = await this.connect()
    connection.write(bytes)
    return connection.untilClosed()
  }
}

/** A TCP connection on which a test writes what it likes. */
export class RawConnection {
  readonly socket: Socket
  received = ''
  closed = false
  #wake: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    const wake = (): void => {
      for (const one of this.#wake.splice(0)) one()
    }
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1')
      wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      wake()
    })
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => {
        socket.removeListener('error', reject)
        resolve(new RawConnection(socket))
      })
      socket.once('error', reject)
    })
  }

  write(bytes: string | Uint8Array): void {
    if (!this.closed) this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Waits until what was received satisfies `enough`, or the connection is closed. */
  async until(enough: (received: string) => boolean): Promise<string> {
    while (!enough(this.received) && !this.closed) await new Promise<void>((wake) => this.#wake.push(wake))
    return this.received
  }

  untilClosed(): Promise<string> {
    return this.until(() => false)
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** The status of the first answer in what a raw connection received. */
export function statusOf(received: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(received)?.[1] ?? Number.NaN)
}

/** The error code of the last answer in what a raw connection received. */
export function codeOf(received: string): string | undefined {
  return [...received.matchAll(/"code":"([A-Z_]+)"/g)].at(-1)?.[1]
}
