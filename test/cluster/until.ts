/** What one look and one pause may count at most: a machine that stood still meanwhile must not use up the patience. */
const LOOK_MS = 15_000
const PAUSE_MS = 200

/** Waits for a condition, asking again every few milliseconds; throws with the description when it does not come about. */
export async function until(
  description: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  let spentMs = 0
  for (;;) {
    const lookedMs = performance.now()
    if (await condition()) return
    const pausedMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 20))
    spentMs += Math.min(pausedMs - lookedMs, LOOK_MS) + Math.min(performance.now() - pausedMs, PAUSE_MS)
    if (spentMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${description}`)
  }
}
