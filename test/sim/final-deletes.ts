/** Deletes at the end of a seed, as a careful client makes them: what a read of all replicas has shown, and nothing else. */
import type { Caller, ClientWorld } from './caller.js'
import { operationOf, type WriteEntry } from './ledger.js'
import type { ReadObject } from './object-reader.js'
import type { Prng } from './prng.js'
import { readFully } from './read-fully.js'

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
    const reader = { parts: this.#parts, prng: this.#prng, caller: this.#caller }
    const read = { key, event: 'final delete', what: 'the read before a final delete' }
    readFully(reader, read, (object, seen, again) => {
      if (object === undefined) done()
      else this.#deleteSeen(key, object, seen, done, again)
    })
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
