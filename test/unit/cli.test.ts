/** The commands that ask a node, each as a real process, against a plain HTTP server that answers as a node would (or would not). */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { cleanEnvironment, type Ended, LAUNCHER, rotunda } from '../cluster/run.js'

const directory = mkdtempSync(join(tmpdir(), 'rotunda-cli-'))
const servers: Server[] = []
test.after.always(() => {
  for (const server of servers) server.close()
  rmSync(directory, { recursive: true, force: true })
})

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
}

/** A server that gives this reply to all, and tells what it was asked. */
async function node(
  reply: Reply | ((path: string) => Reply),
): Promise<{ url: string; asked: Asked[]; server: Server }> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = '', url = '', headers } = request
    asked.push({ method, url, headers, body: Buffer.concat(parts) })
    const { status, headers: head = {}, body } = typeof reply === 'function' ? reply(url) : reply
    response.writeHead(status, head).end(body)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

/** One line on standard error, nothing on standard output. */
function isOneLine(t: ExecutionContext, ended: Ended, code: number, about: RegExp): void {
  t.is(ended.code, code, ended.stderr)
  t.is(ended.stdout.toString(), '')
  t.regex(ended.stderr, about)
  t.regex(ended.stderr, /^rotunda: [^\n]*\n$/)
}

const json = { 'Content-Type': 'application/json; charset=utf-8' }
const errorBody = (code: string, numbers = {}) =>
  JSON.stringify({ error: { code, message: 'A sentence.', ...numbers } })
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

test('get prints the bytes of the value and nothing else', async (t) => {
  const { url, asked } = await node({ status: 200, body: everyByte, headers: { 'Rotunda-Context': 'token' } })
  const ended = await rotunda(['get', 'carts', 'ali/ce ü', '--url', url, '--r', 'one', '--timeout', '700'])
  t.deepEqual([ended.code, ended.stderr], [0, ''])
  t.deepEqual(ended.stdout, everyByte)
  t.is(asked[0]!.url, '/v1/kv/carts/ali%2Fce%20%C3%BC?r=one&timeout=700')
  const shown = await rotunda(['get', 'carts', 'alice', '--show-context'], { env: { ROTUNDA_URL: url } })
  t.deepEqual(shown.stdout, everyByte)
  t.is(shown.stderr, 'context: token\n')
})

test('keys that URL parsers swallow go in base64url', async (t) => {
  const { url, asked } = await node({ status: 200, body: 'x' })
  await rotunda(['get', '..', '.', '--url', url])
  t.is(asked[0]!.url, '/v1/kv64/Li4/Lg')
})

test('the path of the URL stays before that of the key', async (t) => {
  const { url, asked } = await node({ status: 200, body: 'x' })
  await rotunda(['get', 'b', 'k', '--url', `${url}/rotunda/`])
  t.is(asked[0]!.url, '/rotunda/v1/kv/b/k')
})

test('get of nothing: one line, exit code 1', async (t) => {
  const headers = { ...json, Vary: 'Accept' }
  const { url } = await node({ status: 404, headers, body: errorBody('NOT_FOUND') })
  isOneLine(t, await rotunda(['get', 'b', 'k', '--url', url]), 1, /nothing is stored at b\/k/)
  isOneLine(t, await rotunda(['get', 'b', 'k\n\u001b[31m', '--url', url]), 1, /b\/k\\n\\u001b/)
})

test('get of several versions prints none, and says how to see them', async (t) => {
  const versions = {
    bucket: 'b',
    key: 'k',
    context: 'token',
    versions: [{ value: 'YQ==' }, { value: 'Yg==' }],
  }
  const { url, asked } = await node({ status: 300, headers: json, body: JSON.stringify(versions) })
  isOneLine(
    t,
    await rotunda(['get', 'b', 'k', '--url', url]),
    1,
    /b\/k has 2 concurrent versions.*--versions.*--context/,
  )
  const every = await rotunda(['get', 'b', 'k', '--url', url, '--versions'])
  t.deepEqual(JSON.parse(every.stdout.toString()), versions)
  t.is(every.code, 0)
  t.is(asked[1]!.url, '/v1/kv/b/k?versions=true')
  t.is(asked[1]!.headers.accept, 'application/json')
})

test('put sends the argument, a file, or standard input, byte for byte', async (t) => {
  const { url, asked } = await node({ status: 204, headers: { 'Rotunda-Context': 'token' } })
  const file = join(directory, 'value')
  writeFileSync(file, everyByte)
  const to = ['put', 'b', 'k', '--url', url]
  for (const ended of [
    await rotunda([...to, 'grüße']),
    await rotunda([...to, '--file', file]),
    await rotunda(to, { input: everyByte }),
    await rotunda([...to, '']),
  ]) {
    t.deepEqual([ended.code, ended.stdout.toString(), ended.stderr], [0, '', ''])
  }
  t.deepEqual(
    asked.map(({ body }) => body),
    [Buffer.from('grüße'), everyByte, everyByte, Buffer.alloc(0)],
  )
  t.deepEqual(
    asked.map(({ headers }) => headers['content-length']),
    ['7', '256', '256', '0'],
  )
})

test('put sends what the write is to know, and prints the context when asked', async (t) => {
  const { url, asked } = await node({ status: 204, headers: { 'Rotunda-Context': 'token' } })
  const flags =
    '--context=seen --content-type=text/plain --meta=colour=red --meta=size=5 --operation=op-1 --w=all'
  const plain = await rotunda(['put', 'b', 'k', 'v', '--url', url, '--show-context', ...flags.split(' ')])
  t.is(plain.stdout.toString(), 'token\n')
  const { headers, method } = asked[0]!
  t.is(method, 'PUT')
  t.like(headers, {
    'rotunda-context': 'seen',
    'content-type': 'text/plain',
    'rotunda-meta-colour': 'red',
    'rotunda-meta-size': '5',
    'rotunda-operation': 'op-1',
  })
  t.is(asked[0]!.url, '/v1/kv/b/k?w=all')
  const forPrograms = await rotunda(['put', 'b', 'k', 'v', '--url', url, '--json'])
  t.deepEqual(JSON.parse(forPrograms.stdout.toString()), { context: 'token' })
})

test('delete asks for it, with and without context', async (t) => {
  const { url, asked } = await node({ status: 204, headers: { 'Rotunda-Context': 'token' } })
  t.is((await rotunda(['delete', 'b', 'k', '--url', url])).code, 0)
  t.is((await rotunda(['delete', 'b', 'k', '--url', url, '--context', 'seen'])).code, 0)
  t.deepEqual(
    asked.map(({ method, headers }) => [method, headers['rotunda-context']]),
    [
      ['DELETE', undefined],
      ['DELETE', 'seen'],
    ],
  )
})

const cluster = {
  clusterId: 'c', self: 'b', n: 3, r: 2, w: 2, q: 4, ringDigest: 'd', pendingHints: 0, tombstones: 2, transfers: 0,
  reapingStoppedBy: [{ id: 'a', name: 'n1', reason: 'away' }],
  members: [
    { id: 'a', name: 'n1', address: '127.0.0.1:7400', peerAddress: '127.0.0.1:7500', zone: 'east', weight: 1, status: 'member', liveness: 'down', incomplete: false },
    { id: 'b', name: 'longer-name', address: '127.0.0.1:7401', peerAddress: '127.0.0.1:7501', zone: 'west', weight: 2.5, status: 'member', liveness: 'self', incomplete: true },
  ],
} // biome-ignore format: one row a member
const ring = { q: 4, n: 3, ringDigest: 'd', members: cluster.members, partitions: [[0, 1], [0, 1], [1], [1, 0]] } // biome-ignore format: one row

test('status and ring: aligned tables, or the JSON as it came', async (t) => {
  const { url } = await node((path) => ({
    status: 200,
    headers: json,
    body: JSON.stringify(path.endsWith('/ring') ? ring : cluster),
  }))
  const status = await rotunda(['status', '--url', url])
  t.is(
    status.stdout.toString(),
    [
      '2 members as longer-name sees them; N 3, R 2, W 2, 4 partitions',
      '2 tombstones stay until they answer: n1 (away)',
      '',
      'NAME         ADDRESS         ZONE  WEIGHT  STATUS  LIVENESS        PARTITIONS',
      'longer-name  127.0.0.1:7401  west     2.5  member  up, rebuilding           4',
      'n1           127.0.0.1:7400  east       1  member  down                     3',
      '',
    ].join('\n'),
  )
  const table = await rotunda(['ring', '--url', url])
  t.is(
    table.stdout.toString(),
    [
      '4 partitions on 2 members, owners in order; ring d',
      '',
      'longer-name  (1)',
      '  2',
      'longer-name n1  (1)',
      '  3',
      'n1 longer-name  (2)',
      '  0–1',
      '',
    ].join('\n'),
  )
  t.deepEqual(JSON.parse((await rotunda(['status', '--url', url, '--json'])).stdout.toString()), cluster)
  t.deepEqual(JSON.parse((await rotunda(['ring', '--url', url, '--json'])).stdout.toString()), ring)
})

test('a plan in words, and the request that it is; changes of the cluster', async (t) => {
  const share = (partitions: number, due: number) => ({ partitions, due })
  const plan = {
    change: 'join',
    q: { before: 64, after: 64 },
    n: { before: 2, after: 2 },
    moving: 0,
    moves: [
      { from: 'n1', to: 'n3', partitions: 21, bytes: 2_100_400 },
      { from: 'longer-name', to: 'n3', partitions: 22, bytes: null },
    ],
    movedPartitions: 43,
    movedBytes: 4_301_000,
    bytesKnownOf: 64,
    members: [
      { name: 'longer-name', before: share(64, 64), after: share(42, 42.667) },
      { name: 'n3', before: null, after: share(43, 42.667) },
    ],
  }
  const seen: string[] = []
  const { url } = await node((path) => {
    seen.push(path)
    const isPlan = path.includes('/plan')
    const body = isPlan ? plan : { recorded: true, moving: isPlan ? 0 : 3, q: 128, n: 5 }
    return { status: 200, headers: json, body: JSON.stringify(body) }
  })
  const shown = await rotunda(['ring', 'plan', 'join', 'n3', '--weight', '2', '--url', url])
  t.is(
    shown.stdout.toString(),
    [
      '43 copies of partitions would move: about 4.30 MB, estimated from the 64 partitions that the asked node holds.',
      '',
      'FROM         TO  PARTITIONS  BYTES, ABOUT',
      'n1           n3          21  2.10 MB',
      'longer-name  n3          22  unknown',
      '',
      'NAME         PARTITIONS NOW  DUE NOW  THEN  DUE THEN',
      'longer-name              64       64    42      42.7',
      'n3                        0        0    43      42.7',
      '',
      'The fullest member holds 1.000 of its due now, 1.008 then.',
      '',
    ].join('\n'),
  )
  const asJson = await rotunda(['ring', 'plan', 'zone', 'n 1', 'a/b', '--json', '--url', url])
  t.deepEqual(JSON.parse(asJson.stdout.toString()), plan)
  const split = await rotunda(['ring', 'split', '--url', url])
  t.is(
    split.stdout.toString(),
    'There are 128 partitions. 3 partitions are on the way to other owners; "rotunda status" shows how far they are.\n',
  )
  const copies = await rotunda(['ring', 'copies', '5', '--url', url])
  t.regex(copies.stdout.toString(), /^N is 5\. 3 partitions are/)
  t.deepEqual(seen, [
    '/v1/cluster/plan?change=join&weight=2&member=n3',
    '/v1/cluster/plan?change=zone&member=n+1&zone=a%2Fb',
    '/v1/cluster/split',
    '/v1/cluster/copies',
  ])
  for (const [args, about] of [
    [['copies', 'many'], /COPIES is a whole number/],
    [['plan', 'burn', 'n1'], /CHANGE is one of/],
    [['plan', 'weight', 'n1'], /takes member and weight/],
    [['plan', 'split', 'n1'], /takes nothing more/],
  ] as const) {
    const { code, stderr } = await rotunda(['ring', ...args, '--url', url])
    t.is(code, 2)
    t.regex(stderr, about)
  }
})

test("a node's refusal is one line with its numbers and what to do next", async (t) => {
  const { url } = await node({
    status: 503,
    headers: json,
    body: errorBody('QUORUM_UNMET', { needed: 2, got: 1, n: 3 }),
  })
  const about =
    /QUORUM_UNMET: A sentence\. \(needed 2, got 1, n 3\); see which nodes are up with "rotunda status"/
  isOneLine(t, await rotunda(['put', 'b', 'k', 'v', '--url', url]), 1, about)
  isOneLine(t, await rotunda(['get', 'b', 'k', '--url', url]), 1, about)
})

test('what the node calls a bad argument is one: exit code 2', async (t) => {
  const { url } = await node({ status: 400, headers: json, body: errorBody('BAD_CONTEXT') })
  isOneLine(t, await rotunda(['put', 'b', 'k', 'v', '--context', 'x', '--url', url]), 2, /BAD_CONTEXT/)
})

test('something else at the URL', async (t) => {
  const { url } = await node({
    status: 404,
    headers: { 'Content-Type': 'text/html' },
    body: '<html>\n</html>',
  })
  for (const words of ['get b k', 'delete b k', 'status', 'ring']) {
    isOneLine(
      t,
      await rotunda([...words.split(' '), '--url', url]),
      1,
      /does not answer like a node .* check --url/,
    )
  }
})

test('a node at the URL, but not at that path of it', async (t) => {
  const { url } = await node({ status: 404, headers: json, body: errorBody('NOT_FOUND') })
  for (const words of ['get b k', 'get b k --versions', 'put b k v', 'delete b k', 'status'])
    isOneLine(
      t,
      await rotunda([...words.split(' '), '--url', `${url}/foo`]),
      1,
      /nothing of Rotunda's is at http:.*\/foo.* check --url/,
    )
})

test('JSON at the URL, but not of a node', async (t) => {
  const { url } = await node({ status: 200, headers: json, body: '{"answer":42}' })
  isOneLine(t, await rotunda(['status', '--url', url]), 1, /does not answer like a node/)
  isOneLine(t, await rotunda(['ring', '--url', url]), 1, /does not answer like a node/)
})

test('nothing at the URL, and no such host', async (t) => {
  const { url, server } = await node({ status: 200 })
  await new Promise((resolve) => server.close(resolve))
  isOneLine(
    t,
    await rotunda(['status', '--url', url]),
    1,
    /nothing listens at .* "rotunda dev".*--url or ROTUNDA_URL/,
  )
  isOneLine(
    t,
    await rotunda(['status', '--url', 'http://no-such-host.invalid']),
    1,
    /host no-such-host\.invalid is not known/,
  )
})

test('unusable arguments: one line, exit code 2', async (t) => {
  isOneLine(t, await rotunda([]), 2, /tell it what to do: dev, start/)
  isOneLine(t, await rotunda(['strat']), 2, /unknown command "strat"; the nearest known one is start/)
  isOneLine(t, await rotunda(['bench']), 2, /unknown command "bench"/)
  isOneLine(t, await rotunda(['put', 'b', 'k', 'v', '--file', 'x']), 2, /not from both/)
  isOneLine(t, await rotunda(['start']), 2, /needs --name/)
  isOneLine(t, await rotunda(['status', '--url', 'ftp://x']), 2, /--url wants a node's URL/)
})

test('a file that cannot be read: one line, exit code 1', async (t) => {
  isOneLine(
    t,
    await rotunda(['put', 'b', 'k', '--file', join(directory, 'absent')]),
    1,
    /absent cannot be read \(ENOENT\)/,
  )
})

test('help and version are answers, not errors', async (t) => {
  for (const args of [['--help'], ['help'], ['get', '--help'], ['start', '-h']]) {
    const ended = await rotunda(args)
    t.deepEqual([ended.code, ended.stderr], [0, ''])
    t.regex(ended.stdout.toString(), /Usage: rotunda/)
  }
  t.regex((await rotunda(['--version'])).stdout.toString(), /^\d+\.\d+\.\d+\n$/)
})

test('a reader that closes early is no fault', async (t) => {
  const { url } = await node({ status: 200, body: Buffer.alloc(4 * 1024 * 1024, 'x') })
  const child = spawn(process.execPath, [LAUNCHER, 'get', 'b', 'k', '--url', url], {
    env: cleanEnvironment(),
  })
  child.stdout.once('data', () => child.stdout.destroy())
  let complaint = ''
  child.stderr.on('data', (part: Buffer) => {
    complaint += part.toString()
  })
  const code = await new Promise((resolve) => child.once('exit', resolve))
  t.deepEqual([code, complaint], [0, ''])
})
