/** Waits for a condition, asking again every few milliseconds; throws with the description when it does not come about. */
export async function until(
  description: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    if (await condition()) return
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${description}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
