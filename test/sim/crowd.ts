/** Too many clients at once at one node, all of whom want the same key: some of them must be refused at once, and nobody else may notice. */
import { Caller, type ClientWorld } from './caller.js'
import type { SimHost } from './host.js'
import { readObject } from './object-reader.js'
import type { Prng } from './prng.js'

/** More than a node is never late with by itself (`limits.requestsAtLeast`). */
const AT_ONCE = 320
const TIMEOUT_MS = 1_000
const HOT = 'k0'

export class Crowd {
  readonly #parts: ClientWorld
  readonly #caller: Caller

  constructor(parts: ClientWorld, prng: Prng) {
    this.#parts = parts
    this.#caller = new Caller(parts, prng.split('ways'))
  }

  rush(host: SimHost): void {
    for (let client = 0; client < AT_ONCE; client += 1) this.#read(host)
  }

  #read(host: SimHost): void {
    const { ledger, check, counters, world } = this.#parts
    const r = Math.floor(world.n / 2) + 1
    const asked = {
      begunAt: ledger.step(),
      begunAtMs: world.timeline.nowMs,
      r,
      strict: !world.mayShowOld(r),
    }
    counters.count('reads of a crowd')
    const what = { r, sloppy: false }
    this.#caller.get(host, HOT, what, {
      timeoutMs: TIMEOUT_MS,
      answered: (outcome) => {
        if (outcome.status === 'error') counters.count(`read of a crowd ${outcome.code}`)
        else {
          const object =
            outcome.object === undefined ? undefined : readObject(Uint8Array.from(outcome.object))
          check.read(HOT, object, asked, `the read by one of a crowd at ${host.name}`)
        }
      },
      silence: () => {},
    })
  }
}
