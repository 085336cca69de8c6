/** Seeds that once found something, and the seed that catches each canary: lists in the repository, replayed by tests. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface KeptSeed {
  readonly seed: number
  /** Asked for in place of what the seed draws. */
  readonly changes?: number
  /** What it found, in a sentence. */
  readonly why: string
}

/** The compiled file lies in dist/test/sim; the lists beside the source. */
function path(name: string): string {
  return fileURLToPath(new URL(`../../../test/sim/${name}`, import.meta.url))
}

export function keptSeeds(): readonly KeptSeed[] {
  return JSON.parse(readFileSync(path('kept-seeds.json'), 'utf8')) as KeptSeed[]
}

export function keepSeed(kept: KeptSeed): void {
  const all = keptSeeds().filter((other) => other.seed !== kept.seed)
  const lines = [...all, kept].map((one) => `  ${JSON.stringify(one)}`)
  writeFileSync(path('kept-seeds.json'), `[\n${lines.join(',\n')}\n]\n`)
}

/** Canary name → seed that catches it. */
export function canarySeeds(): Readonly<Record<string, number>> {
  return JSON.parse(readFileSync(path('canary-seeds.json'), 'utf8')) as Record<string, number>
}

export function recordCanarySeeds(seeds: Readonly<Record<string, number>>): void {
  writeFileSync(path('canary-seeds.json'), `${JSON.stringify(seeds, undefined, 2)}\n`)
}
