/** Branches that a few hundred seeds must reach; one that they never reach is one that nobody has tested. */
const EXPECTED = ['siblings seen', 'acknowledged', 'retries'] as const

/** Those of them that never happened. */
export function sometimes(counts: ReadonlyMap<string, number>): readonly string[] {
  return EXPECTED.filter((name) => (counts.get(name) ?? 0) === 0)
}
