/** `rotunda dev` as a newcomer meets it: started, used, a node killed under it, stopped, started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePorts } from './free-ports.js'
import { http, kv } from './http.js'
import { cleanEnvironment, LAUNCHER, rotunda } from './run.js'
import { until } from './until.js'

interface Dev {
  readonly urls: readonly string[]
  readonly output: () => string
  /** Ctrl-C; its end on Windows, where nobody can press that for another. Resolves with the exit code. */
  readonly stop: () => Promise<number | null>
  /** The pids of the nodes, as printed last. */
  readonly pids: () => number[]
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
}

function scratch(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'rotunda-dev-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  return directory
}

/** Room for `count` ports in a row and the same 100 above. */
async function firstPort(): Promise<number> {
  return (await freePorts(1))[0]!
}

function launch(
  t: ExecutionContext,
  port: number,
  args: readonly string[],
  env: Record<string, string> = {},
): Dev {
  const child = spawn(
    process.execPath,
    [LAUNCHER, 'dev', '--port', String(port), '--stop-with-parent', ...args],
    {
      env: cleanEnvironment(env),
    },
  )
  let output = ''
  child.stdout.on('data', (part: Buffer) => {
    output += part.toString()
  })
  child.stderr.on('data', (part: Buffer) => {
    output += part.toString()
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const pids = () => {
    const latest = new Map(
      [...output.matchAll(/^ *(n\d+) .*\bpid (\d+)/gm)].map(([, name, pid]) => [name, Number(pid)]),
    )
    return [...latest.values()]
  }
  child.stdin.on('error', () => {})
  const stop = () => {
    if (process.platform === 'win32') child.stdin.end()
    else child.kill('SIGINT')
    return ended
  }
  t.teardown(async () => {
    await stop()
    if (!t.passed) t.log(output)
  })
  const urls = [0, 1, 2].map((index) => `http://127.0.0.1:${port + index}`)
  return { urls, output: () => output, pids, child, ended, stop }
}

async function untilReady({ output, child }: Dev): Promise<void> {
  await until('dev is ready to serve', () => {
    if (child.exitCode !== null) throw new Error(`dev ended: ${output()}`)
    return /^Ready to serve/m.test(output())
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test.serial('started, used, stopped with Ctrl-C, started again: the data is there', async (t) => {
  const data = join(scratch(t), 'data')
  const port = await firstPort()
  const first = launch(t, port, ['--data', data])
  await untilReady(first)
  for (const url of first.urls) t.true(first.output().includes(url))
  t.is((await http('PUT', kv(first.urls[0]!, 'demo', 'greeting'), { body: 'hello' })).status, 204)
  t.is((await http('GET', kv(first.urls[2]!, 'demo', 'greeting'))).body.toString(), 'hello')
  const pids = first.pids()
  t.is(pids.length, 3)
  t.true(pids.every(isAlive))
  t.is(await first.stop(), 0)
  t.false(pids.some(isAlive))

  const second = launch(t, port, ['--data', data])
  await untilReady(second)
  for (const url of second.urls) {
    t.is((await http('GET', kv(url, 'demo', 'greeting'))).body.toString(), 'hello')
  }
})

test.serial('also at other ports: the nodes find each other again', async (t) => {
  const data = join(scratch(t), 'data')
  const first = launch(t, await firstPort(), ['--data', data])
  await untilReady(first)
  await http('PUT', kv(first.urls[0]!, 'demo', 'greeting'), { body: 'hello' })
  t.is(await first.stop(), 0)
  const second = launch(t, await firstPort(), ['--data', data])
  await untilReady(second)
  t.is((await http('GET', kv(second.urls[1]!, 'demo', 'greeting'))).body.toString(), 'hello')
})

test.serial(
  'a node killed: the others go on, it is told, and it comes back with what it missed',
  async (t) => {
    const dev = launch(t, await firstPort(), ['--data', join(scratch(t), 'data')])
    await untilReady(dev)
    const victim = dev.pids()[1]!
    process.kill(victim, 'SIGKILL')
    await until('dev says that n2 is gone', () =>
      /^n2 \(pid \d+\) was killed by SIGKILL; the others go on/m.test(dev.output()),
    )
    const written = await http('PUT', kv(dev.urls[0]!, 'demo', 'meanwhile'), { body: 'written without n2' })
    t.is(written.status, 204)
    await until('dev says that n2 is back', () => /^n2 is back: /m.test(dev.output()))
    t.not(dev.pids()[1], victim)
    await until('n2 gives what was written while it was away', async () => {
      const { status, body } = await http('GET', kv(dev.urls[1]!, 'demo', 'meanwhile'))
      return status === 200 && body.toString() === 'written without n2'
    })
  },
)

test.serial('without --data a temporary directory is used, and removed at the end', async (t) => {
  const temporary = scratch(t)
  const dev = launch(t, await firstPort(), ['--nodes', '1'], { TMPDIR: temporary, TEMP: temporary })
  await untilReady(dev)
  t.is(readdirSync(temporary).length, 1)
  t.is(await dev.stop(), 0)
  t.deepEqual(readdirSync(temporary), [])
})

test.serial('a taken port: one line, exit code 1, and no directory left', async (t) => {
  const temporary = scratch(t)
  const port = await firstPort()
  const squatter = createServer()
  await new Promise<void>((resolve) => squatter.listen(port + 1, '127.0.0.1', resolve))
  const ended = await rotunda(['dev', '--port', String(port)], {
    env: { TMPDIR: temporary, TEMP: temporary },
  })
  t.is(ended.code, 1)
  t.regex(ended.stderr, new RegExp(`^rotunda: port ${port + 1} [^\n]*--port\n$`))
  t.deepEqual(readdirSync(temporary), [])
  squatter.close()
})

test.serial('a node that cannot start ends the attempt, and its line says why', async (t) => {
  const data = join(scratch(t), 'data')
  mkdirSync(join(data, 'n1', 'rows'), { recursive: true })
  mkdirSync(join(data, 'n1', 'rows', '000001.sst'))
  const dev = launch(t, await firstPort(), ['--data', data])
  t.is(await dev.ended, 1)
  t.regex(dev.output(), /^n1: rotunda: .*rows/m)
  t.regex(dev.output(), /^rotunda: n1 ended with exit code 1/m)
})

test.serial('when dev itself is killed its nodes do not stay behind', async (t) => {
  const dev = launch(t, await firstPort(), ['--data', join(scratch(t), 'data')])
  await untilReady(dev)
  const pids = dev.pids()
  t.is(pids.length, 3)
  dev.child.kill('SIGKILL')
  await dev.ended
  await until('all nodes are gone', () => !pids.some(isAlive))
})

test.serial('settings of the surroundings do not reach the nodes behind the back of dev', async (t) => {
  const elsewhere = await firstPort()
  const env = {
    ROTUNDA_LISTEN: `127.0.0.1:${elsewhere}`,
    ROTUNDA_JOIN: '127.0.0.1:1',
    ROTUNDA_PARTITIONS: '64',
  }
  const dev = launch(t, await firstPort(), ['--data', join(scratch(t), 'data'), '--nodes', '1'], env)
  await untilReady(dev)
  const { q } = JSON.parse((await http('GET', `${dev.urls[0]}/v1/cluster`)).body.toString()) as { q: number }
  t.is(q, 64)
})
