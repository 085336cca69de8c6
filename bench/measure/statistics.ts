/** What is said about a handful of rounds: the middle, and how far they lie apart. */

/** The middle value, or the mean of the two middle ones. NaN when there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Half of the distance between the extremes, as a fraction of the median: 0.1 reads as ±10 %. */
export function spread(values: readonly number[]): number {
  const middle = median(values)
  return middle === 0 || values.length < 2 ? 0 : (Math.max(...values) - Math.min(...values)) / 2 / middle
}

/** Median of `subject` over median of `reference`: 1.3 = the subject costs 30 % more. NaN where either has no rounds. */
export function ratioOfMedians(subject: readonly number[], reference: readonly number[]): number {
  return median(subject) / median(reference)
}
