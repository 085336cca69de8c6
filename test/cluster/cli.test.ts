/** `rotunda start` and the commands that ask a node, as real processes against real nodes. */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { TestCluster } from './cluster.js'
import { freePorts } from './free-ports.js'
import { http, kv } from './http.js'
import { cleanEnvironment, type Ended, LAUNCHER, rotunda } from './run.js'
import type { TestNode } from './test-node.js'
import { until } from './until.js'

const onPosix = process.platform === 'win32' ? test.skip : test.serial

/** A node that is asked to start and cannot: one line on standard error, and only log lines on standard output. */
function isRefused(t: ExecutionContext, ended: Ended, code: number, about: RegExp): void {
  t.is(ended.code, code, ended.stderr)
  t.regex(ended.stderr, about)
  t.regex(ended.stderr, /^rotunda: [^\n]*\n$/)
  for (const line of ended.stdout.toString().split('\n').slice(0, -1))
    t.notThrows(() => JSON.parse(line), line)
}

function below(directory: string): string[] {
  return readdirSync(directory, { recursive: true }).map((path) => join(directory, String(path)))
}

async function single(t: ExecutionContext, flags: readonly string[] = []): Promise<TestNode> {
  return (await TestCluster.start(t, { nodes: 1, flags })).nodes[0]!
}

function startFlags({ setup }: TestNode, changed: Record<string, string> = {}): string[] {
  const flags = {
    '--name': setup.name,
    '--data': setup.directory,
    '--listen': `127.0.0.1:${setup.port}`,
    '--peer-listen': `127.0.0.1:${setup.peerPort}`,
    ...changed,
  }
  return ['start', ...Object.entries(flags).flat(), ...setup.flags]
}

test.serial('a node logs JSON, names its URL when ready, and exits 0 on SIGTERM', async (t) => {
  const node = await single(t)
  await http('PUT', kv(node.url, 'b', 'k'), { body: 'v' })
  t.deepEqual(await node.stop(), { code: 0, signal: null })
  const lines = node.lines.filter((line) => !line.startsWith('(ended'))
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  t.like(events.find(({ event }) => event === 'ready')!, { level: 'info', node: 'n1', url: node.url })
  t.is(events.at(-1)!.event, 'stopped')
})

onPosix('what a node writes is for its user alone', async (t) => {
  const node = await single(t)
  await http('PUT', kv(node.url, 'b', 'k'), { body: 'v' })
  const open = below(node.setup.directory).filter((path) => (statSync(path).mode & 0o077) !== 0)
  t.deepEqual(open, [])
  t.is(statSync(node.setup.directory).mode & 0o777, 0o700)
})

/** The head of a PUT and the first half of its body, over a plain socket; the rest can be sent later. */
async function halfPut(node: TestNode): Promise<{ socket: Socket; answer: () => string }> {
  const socket = connect(node.setup.port, '127.0.0.1')
  let received = ''
  socket.on('data', (part) => {
    received += part.toString()
  })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  const head = `PUT /v1/kv/b/slow HTTP/1.1\r\nHost: 127.0.0.1:${node.setup.port}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n`
  socket.write(head)
  await until('the node has the head of the request', () => received.includes('100 Continue'))
  socket.write('12345')
  return { socket, answer: () => received }
}

test.serial('a request in flight is finished before the node stops', async (t) => {
  const node = await single(t)
  const { socket, answer } = await halfPut(node)
  void node.stop()
  await until('new requests are refused', async () => !(await node.isReady()))
  socket.write('67890')
  await until('the request in flight is answered', () => answer().includes('HTTP/1.1 204'))
  t.deepEqual(await node.ended(), { code: 0, signal: null })
  node.launch()
  await node.untilReady()
  t.is((await http('GET', kv(node.url, 'b', 'slow'))).body.toString(), '1234567890')
})

onPosix('a second signal ends it at once', async (t) => {
  const node = await single(t)
  const { socket } = await halfPut(node)
  node.signal('SIGTERM')
  await until('new requests are refused', async () => !(await node.isReady()))
  node.signal('SIGINT')
  t.deepEqual(await node.ended(), { code: 1, signal: null })
  socket.destroy()
})

onPosix('an exception that nobody foresaw is logged, and ends the node with exit code 1', async (t) => {
  const { nodes, directory } = await TestCluster.prepare(t, { nodes: 1 })
  const bomb = join(directory, 'bomb.cjs')
  writeFileSync(bomb, `process.on('SIGUSR2', () => { throw new Error('unforeseen') })`)
  const env = { NODE_OPTIONS: `--require=${bomb}` }
  const ended = await rotunda(startFlags(nodes[0]!), {
    env,
    signalWhen: (stdout) => stdout.includes('"ready"') && 'SIGUSR2',
  })
  isRefused(t, ended, 1, /a bug, whose stack is in the log: Error: unforeseen/)
  const last = JSON.parse(ended.stdout.toString().trim().split('\n').at(-1)!) as {
    event: string
    error: { stack: string }
  }
  t.is(last.event, 'uncaught')
  t.regex(last.error.stack, /bomb\.cjs/)
})

test.serial('a log that nobody reads any more does not end the node', async (t) => {
  const { nodes } = await TestCluster.prepare(t, { nodes: 1 })
  const node = nodes[0]!
  const child = spawn(
    process.execPath,
    [LAUNCHER, ...startFlags(node), '--log-level', 'debug', '--stop-with-parent'],
    {
      env: cleanEnvironment(),
    },
  )
  child.stdout.destroy()
  child.stderr.destroy()
  await until('the node is ready', () => node.isReady())
  t.is((await http('PUT', kv(node.url, 'b', 'k'), { body: 'v' })).status, 204)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.end()
  t.is(await ended, 0)
})

test.serial('addresses that cannot be had: one line, exit code 1', async (t) => {
  const { nodes } = await TestCluster.prepare(t, { nodes: 1 })
  const node = nodes[0]!
  for (const [port, about] of [
    [node.setup.port, /another process listens at 127\.0\.0\.1:\d+: .*--listen/],
    [node.setup.peerPort, new RegExp(`${node.setup.peerPort}`)],
  ] as const) {
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(port, '127.0.0.1', resolve))
    isRefused(t, await rotunda(startFlags(node)), 1, about)
    squatter.close()
  }
  isRefused(
    t,
    await rotunda(startFlags(node, { '--listen': '192.0.2.1:7400' })),
    1,
    /no address 192\.0\.2\.1/,
  )
})

test.serial(
  'a directory that another node holds: one line, exit code 1, and the other goes on',
  async (t) => {
    const node = await single(t)
    const [port, peerPort] = await freePorts(2)
    const elsewhere = { '--listen': `127.0.0.1:${port}`, '--peer-listen': `127.0.0.1:${peerPort}` }
    isRefused(t, await rotunda(startFlags(node, elsewhere)), 1, new RegExp(node.setup.directory))
    t.is((await http('PUT', kv(node.url, 'b', 'k'), { body: 'v' })).status, 204)
  },
)

onPosix('a data directory that is a link or a file: one line, exit code 1', async (t) => {
  const { nodes, directory } = await TestCluster.prepare(t, { nodes: 1 })
  const node = nodes[0]!
  mkdirSync(join(directory, 'real'))
  symlinkSync(join(directory, 'real'), join(directory, 'link'))
  writeFileSync(join(directory, 'file'), '')
  isRefused(t, await rotunda(startFlags(node, { '--data': join(directory, 'link') })), 1, /symbolic link/)
  isRefused(
    t,
    await rotunda(startFlags(node, { '--data': join(directory, 'file') })),
    1,
    /a file is in its place/,
  )
  t.deepEqual(readdirSync(join(directory, 'real')), [])
})

/** Names, sizes and times of everything below but RocksDB's lock: what a look without a touch leaves as it was. */
function listing(directory: string): string[] {
  return below(directory)
    .filter((path) => statSync(path).isFile() && basename(path) !== 'LOCK')
    .map((path) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`)
}

onPosix('a database that lost its head: one line, exit code 1, the directory untouched', async (t) => {
  const node = await single(t)
  await http('PUT', kv(node.url, 'b', 'k'), { body: 'v' })
  await node.stop()
  const rows = join(node.setup.directory, 'rows')
  renameSync(join(rows, 'CURRENT'), join(node.setup.directory, 'current-elsewhere'))
  const before = listing(rows)
  isRefused(t, await rotunda(startFlags(node)), 1, /CURRENT/)
  t.deepEqual(listing(rows), before)
  renameSync(join(node.setup.directory, 'current-elsewhere'), join(rows, 'CURRENT'))
  node.launch()
  await node.untilReady()
  t.is((await http('GET', kv(node.url, 'b', 'k'))).body.toString(), 'v')
})

test.serial(
  'a new node with the name of a living member is refused: one line, and the cluster stays what it was',
  async (t) => {
    const cluster = await TestCluster.start(t, { nodes: 1 })
    const member = cluster.nodes[0]!
    const [port, peerPort] = await freePorts(2)
    const newcomer = {
      '--data': join(cluster.directory, 'newcomer'),
      '--listen': `127.0.0.1:${port}`,
      '--peer-listen': `127.0.0.1:${peerPort}`,
      '--join': `127.0.0.1:${member.setup.peerPort}`,
    }
    isRefused(t, await rotunda(startFlags(member, newcomer)), 1, /named n1 is alive/)
    t.is((await member.json<{ members: unknown[] }>('/v1/cluster')).members.length, 1)
  },
)

test.serial('off loopback without a secret: one line, exit code 2, and nothing is left behind', async (t) => {
  const { directory } = await TestCluster.prepare(t, { nodes: 1 })
  const data = join(directory, 'open')
  const flags = [
    'start',
    '--name',
    'n1',
    '--data',
    data,
    '--listen',
    '127.0.0.1:0',
    '--peer-listen',
    '0.0.0.0:0',
  ]
  isRefused(t, await rotunda([...flags, '--peer-advertise', '127.0.0.1:1']), 2, /--secret-file/)
})

test.serial('configuration that cannot be used: one line, exit code 2', async (t) => {
  const { directory } = await TestCluster.prepare(t, { nodes: 1 })
  const file = join(directory, 'config.json')
  writeFileSync(file, '{"nam": "n1"}')
  isRefused(t, await rotunda(['start', '--config', file]), 2, /unknown key "nam" .* "name"/)
  isRefused(
    t,
    await rotunda(['start'], { env: { ROTUNDA_PARTITIONS: '100' } }),
    2,
    /ROTUNDA_PARTITIONS wants a power of two/,
  )
})

test.serial('a node starts from a file and the environment alone', async (t) => {
  const { nodes, directory } = await TestCluster.prepare(t, { nodes: 1 })
  const { setup } = nodes[0]!
  const [port, peerPort] = [setup.port, setup.peerPort]
  const file = join(directory, 'config.json')
  writeFileSync(
    file,
    JSON.stringify({
      data: setup.directory,
      listen: `127.0.0.1:${port}`,
      peerListen: `127.0.0.1:${peerPort}`,
    }),
  )
  const env = {
    ROTUNDA_CONFIG: file,
    ROTUNDA_NAME: 'from-the-environment',
    ROTUNDA_STOP_WITH_PARENT: 'true',
    XDG_CONFIG_HOME: directory,
  }
  const ended = await rotunda(['start'], { env })
  t.is(ended.code, 0, ended.stderr)
  const first = JSON.parse(ended.stdout.toString().split('\n')[0]!) as Record<string, unknown>
  t.is(first.node, 'from-the-environment')
})

test.serial('put, get, delete, a conflict and its end, from the command line', async (t) => {
  const { nodes } = await TestCluster.start(t, { flags: ['--engine', 'memory'] })
  const [n1, n2, n3] = nodes as [TestNode, TestNode, TestNode]
  const on = (node: TestNode, ...args: string[]) => rotunda([...args, '--url', node.url])
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

  const first = await rotunda(['put', 'carts', 'alice', '--url', n1.url], { input: everyByte })
  t.deepEqual([first.code, first.stdout.length, first.stderr], [0, 0, ''])
  t.deepEqual((await on(n3, 'get', 'carts', 'alice')).stdout, everyByte)

  t.is((await on(n2, 'put', 'carts', 'alice', 'milk')).code, 0)
  const conflict = await on(n3, 'get', 'carts', 'alice')
  t.deepEqual([conflict.code, conflict.stdout.length], [1, 0])
  t.regex(conflict.stderr, /carts\/alice has 2 concurrent versions/)
  const versions = await on(n3, 'get', 'carts', 'alice', '--versions')
  const { context, versions: both } = JSON.parse(versions.stdout.toString()) as {
    context: string
    versions: unknown[]
  }
  t.is(both.length, 2)
  t.is((await on(n1, 'put', 'carts', 'alice', 'merged', '--context', context)).code, 0)
  t.is((await on(n2, 'get', 'carts', 'alice')).stdout.toString(), 'merged')

  const forged = await on(n1, 'put', 'carts', 'alice', 'x', '--context', `${context.slice(0, -2)}AA`)
  t.is(forged.code, 2)
  t.regex(forged.stderr, /BAD_CONTEXT/)
  t.is((await on(n2, 'get', 'carts', 'alice')).stdout.toString(), 'merged')

  t.is((await on(n3, 'delete', 'carts', 'alice')).code, 0)
  const gone = await on(n1, 'get', 'carts', 'alice')
  t.deepEqual([gone.code, gone.stderr], [1, 'rotunda: nothing is stored at carts/alice\n'])
})

test.serial('the context that --show-context prints replaces what the write made', async (t) => {
  const node = await single(t, ['--engine', 'memory'])
  const on = (...args: string[]) => rotunda([...args, '--url', node.url])
  const { stdout } = await on(
    'put',
    'b',
    'k',
    'one',
    '--show-context',
    '--content-type',
    'text/plain',
    '--meta',
    'colour=red',
  )
  t.is((await on('put', 'b', 'k', 'two', '--context', stdout.toString().trim())).code, 0)
  const shown = await on('get', 'b', 'k', '--show-context')
  t.is(shown.stdout.toString(), 'two')
  t.regex(shown.stderr, /^context: [\x21-\x7e]+\n$/)
})

test.serial('keys that are hard on shells and URLs arrive as they are', async (t) => {
  const node = await single(t, ['--engine', 'memory'])
  const keys = ['..', '.', 'a/b', '../x', 'a%2Fb', '__proto__', ' ', '😀'.repeat(256), '-x', 'a\nb']
  for (const key of keys) {
    t.is((await rotunda(['put', '--url', node.url, '--', 'b', key, `value of ${key}`])).code, 0, key)
  }
  for (const key of keys) {
    t.is((await rotunda(['get', '--url', node.url, '--', 'b', key])).stdout.toString(), `value of ${key}`)
  }
})

test.serial('status and ring tell of the whole cluster, also of a node that is down', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'memory'] })
  const [n1, , n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  const table = (await rotunda(['status', '--url', n1.url])).stdout.toString()
  t.regex(table, /^3 members as n1 sees them; N 3, R 2, W 2, 256 partitions, wire 2, storage 1\n\nNAME/)
  for (const { setup } of cluster.nodes) {
    t.regex(table, new RegExp(`${setup.name} +127\\.0\\.0\\.1:${setup.port} .* member +up +256\n`))
  }
  t.regex(
    (await rotunda(['ring', '--url', n1.url])).stdout.toString(),
    /^256 partitions on 3 members, owners in order; ring [0-9a-f]{16}\n/,
  )
  await n3.kill()
  await until('status shows n3 down', async () =>
    /n3 .* member +(down|suspected)/.test((await rotunda(['status', '--url', n1.url])).stdout.toString()),
  )
})

test.serial('commands that cannot be carried out for want of nodes say so', async (t) => {
  const cluster = await TestCluster.start(t, { flags: ['--engine', 'memory'] })
  const [n1, n2, n3] = cluster.nodes as [TestNode, TestNode, TestNode]
  await n2.kill()
  await n3.kill()
  const ended = await rotunda(['put', 'b', 'k', 'v', '--url', n1.url, '--timeout', '2000', '--w', 'all'])
  t.is(ended.code, 1)
  t.regex(ended.stderr, /^rotunda: (QUORUM_UNMET|TIMEOUT): [^\n]*\n$/)
})
