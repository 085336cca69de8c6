/**
 * What a newcomer does after `npm ci`: `npm start`, one value put through one node and got through another with the
 * `rotunda` command, Ctrl-C. For the checks, on every platform.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ROOT, run, say } from '../prepare/run.mjs'
import { npmScript } from './npm.mjs'
import { freePorts, isReady, startNode } from './one-node.mjs'

const COMMAND = path.join(ROOT, 'native', 'rotunda.cjs')
const NODES = 3
const VALUE = 'milk and eggs'
const STOP_PATIENCE_MS = 20_000

async function rotunda(url, ...args) {
  let out = ''
  const onText = (text) => {
    out += text
  }
  const { code } = await run(process.execPath, [COMMAND, ...args, '--url', url], { onText })
  if (code !== 0) throw new Error(`rotunda ${args.join(' ')} exited with ${code}:\n${out}`)
  return out
}

async function putAndGet(urls) {
  await rotunda(urls[0], 'put', 'carts', 'alice', VALUE)
  for (const url of urls) {
    const got = await rotunda(url, 'get', 'carts', 'alice')
    if (got.trim() !== VALUE) throw new Error(`${url} gave ${JSON.stringify(got)} back`)
  }
}

async function allGone(urls) {
  const deadline = performance.now() + STOP_PATIENCE_MS
  while ((await Promise.all(urls.map(isReady))).includes(true)) {
    if (performance.now() > deadline) throw new Error('nodes still answer after the cluster was stopped')
    await pause(100)
  }
}

/** The first half of `npm start`, run by itself because it may compile for minutes; the second time it finds all there. */
async function prepare() {
  const { code } = await run(process.execPath, [path.join(ROOT, 'native', 'prepare.mjs'), '--compile'])
  if (code !== 0) throw new Error('it could not be built')
}

async function tryCommands(data) {
  await prepare()
  const first = Math.min((await freePorts(1))[0], 60_000)
  const urls = Array.from({ length: NODES }, (_, i) => `http://127.0.0.1:${first + i}`)
  const args = ['start', '--', '--port', String(first), '--data', data]
  const cluster = await startNode({
    script: npmScript(),
    args,
    cwd: ROOT,
    env: process.env,
    urls,
    asGroup: true,
  })
  try {
    await putAndGet(urls)
  } catch (error) {
    throw new Error(`${error.message}\n\nThe cluster said:\n${cluster.output()}`)
  } finally {
    await cluster.stop()
  }
  await allGone(urls)
}

const data = mkdtempSync(path.join(os.tmpdir(), 'rotunda-try-'))
try {
  await tryCommands(data)
  say('npm start: three nodes took a value, gave it back from each, and stopped')
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
