import { randomBytes } from 'node:crypto'
import test from 'ava'
import { ban } from '../sim/bans.js'

/** Runs without awaiting anything: the bans hold for this whole process. */
function underBan(run: () => unknown): string {
  const lift = ban()
  try {
    run()
    return 'nothing'
  } catch (error) {
    return (error as Error).message
  } finally {
    lift()
  }
}

const WAYS_OUT: Readonly<Record<string, () => unknown>> = {
  'Date.now': () => Date.now(),
  'new Date': () => new Date(),
  'Math.random': () => Math.random(),
  setTimeout: () => setTimeout(() => {}, 1),
  setInterval: () => setInterval(() => {}, 1),
  setImmediate: () => setImmediate(() => {}),
  queueMicrotask: () => queueMicrotask(() => {}),
  'process.nextTick': () => process.nextTick(() => {}),
  'process.hrtime': () => process.hrtime.bigint(),
  'performance.now': () => performance.now(),
  fetch: () => fetch('http://127.0.0.1/'),
  'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
  'node:crypto randomBytes': () => randomBytes(1),
  'Promise.then': () => Promise.resolve().then(() => {}),
}

for (const [name, way] of Object.entries(WAYS_OUT)) {
  test(`${name} throws during a simulation, and works after it`, (t) => {
    t.regex(underBan(way), /was used during a simulation/)
    const result = way()
    if (name === 'setInterval') clearInterval(result as NodeJS.Timeout)
    if (name === 'fetch') (result as Promise<unknown>).catch(() => {})
    t.pass()
  })
}
