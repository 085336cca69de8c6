/**
 * While a simulation runs, every way past the ports throws: real time, real chance, real timers, real sockets. A node that
 * reached for one would make a seed mean different things on different days. Undone by `lift`.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'

const require = createRequire(import.meta.url)

type Holder = Record<string, unknown>

const GLOBALS = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'fetch',
  'WebSocket',
  'crypto',
  'performance',
] as const

const MODULES: Readonly<Record<string, readonly string[]>> = {
  'node:crypto': ['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'webcrypto'],
  'node:timers': ['setTimeout', 'setInterval', 'setImmediate'],
  'node:perf_hooks': ['performance'],
  'node:fs': [
    'openSync',
    'open',
    'readFileSync',
    'readFile',
    'writeFileSync',
    'writeFile',
    'statfs',
    'statfsSync',
  ],
  'node:net': ['connect', 'createConnection', 'createServer'],
  'node:http': ['request', 'get', 'createServer'],
  'node:os': ['hostname', 'freemem', 'loadavg', 'cpus', 'uptime'],
}

function forbid(holder: Holder, name: string, shown: string, undo: (() => void)[]): void {
  const held = Object.getOwnPropertyDescriptor(holder, name)
  if (held?.configurable !== true) return
  Object.defineProperty(holder, name, { configurable: true, value: thrower(shown) })
  undo.push(() => Object.defineProperty(holder, name, held))
}

/** Stands for the banned thing: calling it, constructing it or looking into it throws. */
function thrower(shown: string): unknown {
  // A function of the old kind, so that it can be constructed, and refuse that too.
  function refuse(): never {
    throw new Error(`${shown} was used during a simulation: everything outside goes through a port`)
  }
  return new Proxy(refuse, { get: refuse, apply: refuse, construct: refuse, has: refuse })
}

/** Puts the bans in place; the returned function takes them away again. */
export function ban(): () => void {
  const undo: (() => void)[] = []
  for (const name of GLOBALS) forbid(globalThis as unknown as Holder, name, name, undo)
  forbid(Math as unknown as Holder, 'random', 'Math.random', undo)
  forbid(process as unknown as Holder, 'nextTick', 'process.nextTick', undo)
  forbid(process as unknown as Holder, 'hrtime', 'process.hrtime', undo)
  forbid(Promise.prototype as unknown as Holder, 'then', 'Promise.then', undo)
  for (const [module, names] of Object.entries(MODULES)) {
    const holder = require(module) as Holder
    for (const name of names) forbid(holder, name, `${module} ${name}`, undo)
  }
  syncBuiltinESMExports()
  return () => {
    for (const restore of undo.reverse()) restore()
    syncBuiltinESMExports()
  }
}
