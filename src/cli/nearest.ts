/** The known name that takes the fewest edits to reach, where swapped neighbours are one edit (the optimal string alignment distance). */
export function nearest(word: string, known: readonly string[]): string {
  let best = known[0] ?? ''
  let bestDistance = Number.POSITIVE_INFINITY
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Longer words are no typing mistakes; their tails do not change which name is nearest. */
const LONGEST_WORD = 64

export function editDistance(from: string, to: string): number {
  const a = from.slice(0, LONGEST_WORD)
  const b = to.slice(0, LONGEST_WORD)
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const next = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(last[column]! + 1, next[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, before[column - 2]! + 1)
      next.push(cost)
    }
    before = last
    last = next
  }
  return last[b.length]!
}
