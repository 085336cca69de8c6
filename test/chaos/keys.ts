/**
 * The keys that clients work on. Each workload has a few slots; a slot's key is retired after so many writes and a new one takes its
 * place, so that what a write has seen stays short enough to be judged, and old keys stay as they are while the cluster suffers on.
 */

/** What is done with the keys of a slot. */
export const WORKLOADS = {
  /** Read, and write with the context of that read. */
  register: 3,
  /** Writes without a context: siblings. */
  blind: 2,
  /** Every client adds to the union of what it reads; retried until it is known to be in. */
  union: 2,
  /** Deleted and written again. */
  recreate: 3,
  /** Contexts of several reads ago, in any order. */
  stale: 2,
  /** Up to a megabyte. */
  large: 1,
  /** Each written once: what listings and trees are full of. */
  many: 1,
} as const satisfies Record<string, number>
export type Workload = keyof typeof WORKLOADS

const RETIRED_AFTER = 80
const MANY_RETIRED_AFTER = 1

export interface Slot {
  readonly workload: Workload
  readonly number: number
}

export const SLOTS: readonly Slot[] = (Object.entries(WORKLOADS) as [Workload, number][]).flatMap(
  ([workload, count]) => Array.from({ length: count }, (_, number) => ({ workload, number })),
)

export class Keys {
  /** Every key that was ever written, in the order of their first write. */
  readonly all = new Set<string>()
  readonly #generation = new Map<string, number>()
  readonly #writes = new Map<string, number>()

  /** The key of a slot now. */
  current({ workload, number }: Slot): string {
    const slot = `${workload}-${number}`
    return `${slot}.${this.#generation.get(slot) ?? 0}`
  }

  /** A write of a slot's key begins. */
  writing({ workload, number }: Slot, key: string): void {
    this.all.add(key)
    const writes = (this.#writes.get(key) ?? 0) + 1
    this.#writes.set(key, writes)
    if (writes < (workload === 'many' ? MANY_RETIRED_AFTER : RETIRED_AFTER)) return
    const slot = `${workload}-${number}`
    if (this.current({ workload, number }) === key)
      this.#generation.set(slot, (this.#generation.get(slot) ?? 0) + 1)
  }
}
