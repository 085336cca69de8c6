/** How often things happened, over all seeds: a rare branch that no seed reaches is a branch that nobody has tested. */
export class Counters {
  readonly counts = new Map<string, number>()

  count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  add(other: ReadonlyMap<string, number> | Readonly<Record<string, number>>): void {
    const entries = other instanceof Map ? other.entries() : Object.entries(other)
    for (const [name, by] of entries) this.count(name, by)
  }
}
