/** Requests over HTTP whose beginning and end go into the history: what was asked, what was told, and what it means for a write. */
import { Agent } from 'node:http'
import { ERRORS, type ErrorCode } from '../../src/errors.js'
import { http, kv, type Reply } from '../cluster/http.js'
import { nameInValue, valueBytesOf } from '../sim/ledger.js'
import { BUCKET } from './chaos-cluster.js'
import type { ChaosNode } from './chaos-node.js'
import type { Completion, History, Verb } from './history.js'

/** A node that stands still answers nobody: a request is given up this long after its own deadline. */
const GRACE_MS = 1_000
/** A node that refused a connection is left alone for so long. */
const AVOIDED_MS = 500

/** A context as its client holds it: the token, and the request whose answer it came with. */
export interface Held {
  readonly token: string
  readonly op: number
}

export interface Write {
  readonly id: number
  readonly kind: 'put' | 'delete'
  readonly key: string
  readonly valueBytes: number
  readonly context: Held | undefined
  readonly w: number
}

export interface Answer {
  readonly type: Completion['type']
  readonly held: Held | undefined
  readonly code: string | undefined
}

export interface ReadAnswer extends Answer {
  /** Live versions. */
  readonly versions: number
}

/** All writes of a run by number; clients and checkers draw from one count. */
export class Writes {
  readonly #bytes: number[] = []

  next(valueBytes: number): number {
    return this.#bytes.push(valueBytes)
  }

  /** The write that a value is, or in words what it is instead. */
  identify(value: Buffer): number | string {
    const name = nameInValue(value)
    const valueBytes = name && this.#bytes[name.id - 1]
    const written = name && valueBytes && valueBytesOf(name.id, name.attempt, valueBytes)
    if (name && written && Buffer.compare(written, value) === 0) return name.id
    return `${value.length} bytes '${value.subarray(0, 16).toString('latin1')}'`
  }
}

export class Asker {
  readonly #client: string
  readonly #history: History
  readonly #writes: Writes
  readonly #agent = new Agent({ keepAlive: true })
  readonly #refusedMs = new Map<string, number>()

  constructor(client: string, history: History, writes: Writes) {
    this.#client = client
    this.#history = history
    this.#writes = writes
  }

  /** It refused a connection just now. */
  isAvoided({ name }: ChaosNode): boolean {
    return performance.now() - (this.#refusedMs.get(name) ?? Number.NEGATIVE_INFINITY) < AVOIDED_MS
  }

  async read(node: ChaosNode, key: string, r: number, timeoutMs: number, final = false): Promise<ReadAnswer> {
    const op = this.#invoke(node, 'get', key, { r, ...(final && { final: true }) })
    const reply = await this.#ask(node, 'GET', `?r=${r}&timeout=${timeoutMs}`, key, {}, timeoutMs)
    if (typeof reply === 'string' || ![200, 300, 404].includes(reply.status))
      return { ...this.#failed(op, reply), versions: 0 }
    const seen: number[] = []
    const foreign: string[] = []
    for (const value of valuesOf(reply)) {
      const what = this.#writes.identify(value)
      if (typeof what === 'number') seen.push(what)
      else foreign.push(what)
    }
    const etag = reply.headers.etag ?? ''
    this.#history.complete(op, 'ok', { seen, etag, ...(foreign.length > 0 && { foreign }) })
    return { type: 'ok', held: heldOf(reply, op), code: undefined, versions: seen.length + foreign.length }
  }

  /** One attempt. The same write with a higher attempt is a retry. */
  async write(node: ChaosNode, write: Write, attempt: number, timeoutMs: number): Promise<Answer> {
    const { id, kind, key, valueBytes, context, w } = write
    const op = this.#invoke(node, kind, key, {
      write: id,
      attempt,
      valueBytes,
      w,
      ...(context && { context: context.op }),
    })
    const headers = { 'Rotunda-Operation': `o${id}`, ...(context && { 'Rotunda-Context': context.token }) }
    const query = `?w=${w}&timeout=${timeoutMs}`
    const body = kind === 'put' ? { body: valueBytesOf(id, attempt, valueBytes) } : {}
    const method = kind === 'put' ? 'PUT' : 'DELETE'
    const reply = await this.#ask(node, method, query, key, { headers, ...body }, timeoutMs)
    if (typeof reply === 'string' || reply.status !== 204) return this.#failed(op, reply)
    this.#history.complete(op, 'ok')
    return { type: 'ok', held: heldOf(reply, op), code: undefined }
  }

  /** All pages of the keys that begin with a prefix. */
  async list(
    node: ChaosNode,
    prefix: string,
    limit: number,
    timeoutMs: number,
    final = false,
  ): Promise<Answer> {
    const op = this.#invoke(node, 'list', prefix, final ? { final: true } : {})
    const keys: string[] = []
    for (let cursor = ''; ; ) {
      const page = `?limit=${limit}&timeout=${timeoutMs}&prefix=${prefix}${cursor}`
      const reply = await this.#ask(node, 'GET', page, undefined, {}, timeoutMs)
      if (typeof reply === 'string' || reply.status !== 200) return this.#failed(op, reply)
      const told = JSON.parse(reply.body.toString()) as { keys: string[]; cursor: string | null }
      keys.push(...told.keys)
      if (told.cursor === null) break
      cursor = `&cursor=${encodeURIComponent(told.cursor)}`
    }
    this.#history.complete(op, 'ok', { keys })
    return { type: 'ok', held: undefined, code: undefined }
  }

  end(): void {
    this.#agent.destroy()
  }

  #invoke(node: ChaosNode, f: Verb, key: string, more: Partial<Parameters<History['invoke']>[0]>): number {
    return this.#history.invoke({ client: this.#client, node: node.name, f, key, ...more })
  }

  /** The answer, or the word for why there is none. */
  async #ask(
    node: ChaosNode,
    method: string,
    query: string,
    key: string | undefined,
    ask: { headers?: Record<string, string>; body?: Uint8Array },
    timeoutMs: number,
  ): Promise<Reply | string> {
    const base = node.process.url
    const url = key === undefined ? `${base}/v1/kv/${BUCKET}${query}` : kv(base, BUCKET, key, query)
    try {
      return await http(method, url, { ...ask, agent: this.#agent, timeoutMs: timeoutMs + GRACE_MS })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      if (code === 'ECONNREFUSED') this.#refusedMs.set(node.name, performance.now())
      return code
    }
  }

  #failed(op: number, reply: Reply | string): Answer {
    const code = typeof reply === 'string' ? reply : codeOf(reply)
    const kind = ERRORS[code as ErrorCode] as (typeof ERRORS)[ErrorCode] | undefined
    // Never connected, or the table says that it changed nothing: certainly not done. All else is anybody's guess.
    const type = code === 'ECONNREFUSED' || kind?.mayBeWritten === false ? 'fail' : 'info'
    this.#history.complete(op, type, { code })
    return { type, held: undefined, code }
  }
}

function codeOf({ status, body }: Reply): string {
  try {
    const told = JSON.parse(body.toString()) as { error?: { code?: string } }
    return told.error?.code ?? `status ${status}`
  } catch {
    return `status ${status}`
  }
}

function heldOf(reply: Reply, op: number): Held | undefined {
  const token = reply.headers['rotunda-context']
  return typeof token === 'string' ? { token, op } : undefined
}

function valuesOf({ status, body }: Reply): Buffer[] {
  if (status === 404) return []
  if (status === 200) return [body]
  const told = JSON.parse(body.toString()) as { versions: { value: string }[] }
  return told.versions.map(({ value }) => Buffer.from(value, 'base64'))
}
