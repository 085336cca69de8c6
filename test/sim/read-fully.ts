import type { Caller, ClientWorld } from './caller.js'
import type { WriteEntry } from './ledger.js'
import { type ReadObject, readObject } from './object-reader.js'
import type { Prng } from './prng.js'

const AGAIN_MS = 300
const TIMEOUT_MS = 5_000

export interface FullReader {
  readonly parts: ClientWorld
  readonly prng: Prng
  readonly caller: Caller
}

/** `event`: what the timeline calls another attempt; `what`: what a violation calls the read. */
export interface FullRead {
  readonly key: string
  readonly event: string
  readonly what: string
}

/**
 * Reads a key at r=all through some node, again and again until it is answered; then `shown` with what was there, the writes that it showed,
 * and a way to begin anew.
 */
export function readFully(
  reader: FullReader,
  read: FullRead,
  shown: (object: ReadObject | undefined, seen: readonly WriteEntry[], again: () => void) => void,
): void {
  const { world, ledger, check } = reader.parts
  const { key, event, what } = read
  const host = reader.prng.pick(world.hosts)
  const asked = { begunAt: ledger.step(), begunAtMs: world.timeline.nowMs, r: world.n, strict: true }
  const again = (): void => {
    world.timeline.after(AGAIN_MS, event, () => readFully(reader, read, shown))
  }
  reader.caller.get(
    host,
    key,
    { r: world.n, sloppy: false },
    {
      timeoutMs: TIMEOUT_MS,
      answered: (outcome) => {
        if (outcome.status === 'error') return again()
        const object = outcome.object === undefined ? undefined : readObject(Uint8Array.from(outcome.object))
        shown(object, check.read(key, object, asked, `${what} at ${host.name}`), again)
      },
      silence: again,
    },
  )
}
