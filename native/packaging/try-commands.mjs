/**
 * What a newcomer does after `npm ci`: `npm start`, one value put and got with the command, Ctrl-C. For the checks, on every platform.
 *
 * It runs what `npm start` runs, one part after the other, so that it can tell the cluster to stop: through npm a signal would
 * end at npm, and Windows knows none.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT, run, say } from '../prepare/run.mjs'
import { freePorts, startNode } from './one-node.mjs'

const command = path.join(ROOT, 'native', 'rotunda.cjs')

/** Ports for `count` nodes in a row, as `dev` takes them. */
async function freeRow() {
  const [port] = await freePorts(1)
  return Math.min(port, 60_000)
}

async function rotunda(url, ...args) {
  let out = ''
  const onText = (text) => {
    out += text
  }
  const { code } = await run(process.execPath, [command, ...args, '--url', url], { onText })
  if (code !== 0) throw new Error(`rotunda ${args.join(' ')} exited with ${code}:\n${out}`)
  return out
}

const data = mkdtempSync(path.join(os.tmpdir(), 'rotunda-try-'))
const port = await freeRow()
const url = `http://127.0.0.1:${port}`
try {
  const { code } = await run(process.execPath, [path.join(ROOT, 'native', 'prepare.mjs'), '--compile'])
  if (code !== 0) throw new Error('prepare failed')
  const cluster = await startNode({
    command: [command],
    args: ['dev', '--port', String(port), '--data', data],
    cwd: ROOT,
    env: process.env,
    url,
  })
  try {
    await rotunda(url, 'put', 'carts', 'alice', 'milk and eggs')
    const got = await rotunda(`http://127.0.0.1:${port + 1}`, 'get', 'carts', 'alice')
    if (got.trim() !== 'milk and eggs') throw new Error(`got ${JSON.stringify(got)} back`)
    say('three nodes took a value and gave it back through another node')
  } finally {
    await cluster.stop()
  }
  if (process.platform !== 'win32' && cluster.exitCode() !== 0) {
    throw new Error(`the cluster exited with ${cluster.exitCode()}:\n${cluster.output()}`)
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(data, { recursive: true, force: true, maxRetries: 5 })
}
