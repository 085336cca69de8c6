/** Deletes at the end of a seed, as a careful client makes them: what a read of all replicas has shown, and nothing else. */
import type { Caller, ClientWorld } from './caller.js'
import { operationOf, type WriteEntry } from './ledger.js'
import { type ReadObject, readObject } from './object-reader.js'
import type { Prng } from './prng.js'

export class FinalDeletes {
  readonly #parts: ClientWorld
  readonly #prng: Prng
  readonly #caller: Caller

  constructor(parts: ClientWorld, prng: Prng, caller: Caller) {
    this.#parts = parts
    this.#prng = prng
    this.#caller = caller
  }

  /** Until it has worked; then `done`. Reads the key at r=all, and deletes what was seen. */
  begin(key: string, done: () => void): void {
    const { world, ledger, check } = this.#parts
    const host = this.#prng.pick(world.hosts)
    const asked = { begunAt: ledger.step(), begunAtMs: world.timeline.nowMs, r: world.n, strict: true }
    const again = (): void => {
      world.timeline.after(300, 'final delete', () => this.begin(key, done))
    }
    this.#caller.get(
      host,
      key,
      { r: world.n, sloppy: false },
      {
        timeoutMs: 5_000,
        answered: (outcome) => {
          if (outcome.status === 'error') return again()
          const object =
            outcome.object === undefined ? undefined : readObject(Uint8Array.from(outcome.object))
          const seen = check.read(key, object, asked, `the read before a final delete at ${host.name}`)
          if (object === undefined) done()
          else this.#deleteSeen(key, object, seen, done, again)
        },
        silence: again,
      },
    )
  }

  #deleteSeen(
    key: string,
    object: ReadObject,
    seen: readonly WriteEntry[],
    done: () => void,
    again: () => void,
  ): void {
    const { world, ledger, check } = this.#parts
    const knowledge = ledger.key(key).closure(
      seen.map((entry) => entry.id),
      (id) => ledger.find(id),
    )
    const w = Math.floor(world.n / 2) + 1
    const entry = ledger.begin(
      key,
      { kind: 'delete', sweeping: false, w, valueBytes: 0, sloppy: false },
      knowledge,
    )
    const begunAtMs = world.timeline.nowMs
    const end = (outcome: 'acked' | 'unknown', then: () => void): void => {
      ledger.end(entry, outcome)
      if (outcome === 'acked') check.acknowledged(entry, begunAtMs)
      then()
    }
    const fields = {
      key,
      tombstone: true,
      context: object.clockBytes,
      value: new Uint8Array(0),
      attributes: new Uint8Array(0),
      operation: operationOf(entry.id),
      w,
      sloppy: false,
      preferred: '',
      returnObject: false,
    }
    this.#caller.write(this.#prng.pick(world.hosts), fields, {
      timeoutMs: 5_000,
      answered: (outcome) => (outcome.status === 'ok' ? end('acked', done) : end('unknown', again)),
      silence: () => end('unknown', again),
    })
  }
}
