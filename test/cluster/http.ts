/** Plain HTTP for tests: nothing hidden, nothing tried twice. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** After this the request is given up and rejects. Default 10 s. */
  readonly timeoutMs?: number
  /** Keep connections open between requests. Without it each request has its own. */
  readonly agent?: Agent
}

/** Rejects where no whole answer came: refused, reset, timed out. */
export function http(method: string, url: string, ask: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method,
        agent: ask.agent ?? new Agent({ keepAlive: false }),
        headers: {
          ...(ask.body !== undefined && { 'Content-Length': Buffer.byteLength(ask.body) }),
          ...ask.headers,
        },
        signal: AbortSignal.timeout(ask.timeoutMs ?? 10_000),
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.once('error', reject)
        response.once('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }),
        )
      },
    )
    sent.once('error', reject)
    sent.end(ask.body)
  })
}

/** The URL of a key. */
export function kv(base: string, bucket: string, key: string, query = ''): string {
  return `${base}/v1/kv/${encodeURIComponent(bucket)}/${encodeURIComponent(key)}${query}`
}
