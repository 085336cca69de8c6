/** Starts a Rotunda command as a child process and waits until it can serve. For the checks; tests have their own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a start may take on a slow machine before the check gives up; not a promise about speed. */
const PATIENCE_MS = 60_000
const STOP_PATIENCE_MS = 20_000

/** Ports that were free a moment ago. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/**
 * Runs a script with Node and resolves when /health/ready says so at each of the `urls`. Throws with the output when it does not.
 * `asGroup` stops the whole group as Ctrl-C in a terminal does, for what npm starts.
 */
export async function startNode({ script, args, cwd, env, urls, asGroup = false }) {
  const stdio = ['ignore', 'pipe', 'pipe']
  const child = spawn(process.execPath, [script, ...args], { cwd, env, stdio, detached: asGroup })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const node = { output: () => output, exitCode: () => child.exitCode, stop: () => stop(child, asGroup) }
  const deadline = performance.now() + PATIENCE_MS
  while (!(await Promise.all(urls.map(isReady))).every(Boolean)) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await node.stop()
      throw new Error(`it did not become ready (exit code ${child.exitCode}):\n${output}`)
    }
    await pause(100)
  }
  return node
}

export async function isReady(url) {
  try {
    return (await fetch(`${url}/health/ready`)).status === 200
  } catch {
    return false
  }
}

async function stop(child, asGroup) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  const end = (signal) => (asGroup ? endGroup(child.pid, signal) : child.kill(signal))
  end('SIGINT')
  const timer = setTimeout(() => end('SIGKILL'), STOP_PATIENCE_MS)
  await gone
  clearTimeout(timer)
}

/** Windows knows neither groups nor signals; taskkill ends the tree. */
function endGroup(pid, signal) {
  if (process.platform === 'win32') spawn('taskkill', ['/pid', String(pid), '/T', '/F'])
  else process.kill(-pid, signal)
}
