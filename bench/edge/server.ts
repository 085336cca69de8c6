/**
 * The HTTP edge of one build over a database that does nothing: `node server.js ROOT` takes the api from `ROOT/dist` and prints its port.
 * Writes are answered together at the end of the turn of the event loop, as a node answers what came back in one frame.
 */
import { pathToFileURL } from 'node:url'
import type { createApi } from '../../src/api/api.js'
import type { Database, Found, WriteRequest, Written } from '../../src/node/requests.js'

const NODE_ID = '00112233445566778899aabbccddeeff'
/** Three actors, as the clock of a key has them on three nodes. */
const CONTEXT = Buffer.from([1, 3, ...actor(1), 1, 0, ...actor(2), 1, 0, ...actor(3), 1, 0])

function actor(byte: number): number[] {
  return Array.from({ length: 14 }, () => byte)
}

type Outcome = (outcome: Written & Found) => void

function nothing(): never {
  throw new Error('not measured here')
}

const waiting: Outcome[] = []

function answerAll(): void {
  const object = undefined
  for (const done of waiting.splice(0)) done({ status: 'ok', context: CONTEXT, object, fastest: NODE_ID })
}

function answerLater(_request: unknown, done: Outcome): void {
  if (waiting.push(done) === 1) setImmediate(answerAll)
}

const database: Database = {
  clusterId: 'c0ffee00c0ffee00c0ffee00c0ffee00',
  requestLimit: 1000,
  admits: () => true,
  retryAfterSeconds: () => 1,
  get: answerLater,
  write: (request: WriteRequest, done) => answerLater(request, done),
  list: nothing,
  explain: nothing,
  bucket: () => undefined,
  setBucket: nothing,
  change: nothing,
  copy: nothing,
  restore: nothing,
  plan: nothing,
  cluster: nothing,
  ring: nothing,
  health: nothing,
  measurements: () => new Map(),
}

const { href } = pathToFileURL(`${process.argv[2]}/dist/src/api/api.js`)
const build = (await import(href)) as { createApi: typeof createApi }
const silent = (): void => {}
const api = build.createApi({
  database,
  clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
  log: { debug: silent, info: silent, warn: silent, error: silent },
  secrets: [Buffer.from('a secret of the cluster, for the benchmark')],
  allowedHosts: [],
  version: '0',
  nodeName: 'n1',
})
const { port } = await api.listen('127.0.0.1', 0)
process.stdout.write(`${port}\n`)
process.stdin.resume().on('end', () => process.exit())
