import type { Random } from '../ports/random.js'

/** At most `count` of them, any as likely as any other; all of them, in their order and without chance, where they are no more. */
export function someOf<T>(all: readonly T[], count: number, random: Pick<Random, 'below'>): readonly T[] {
  if (all.length <= count) return all
  const left = [...all]
  return Array.from({ length: count }, (_, at) => {
    const chosen = at + random.below(left.length - at)
    const one = left[chosen]!
    left[chosen] = left[at]!
    left[at] = one
    return one
  })
}
