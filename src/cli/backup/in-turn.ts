/** Does `work` for each item, so many at a time. The first error ends it, once what is under way has ended; nothing more is begun then. */
export async function inTurn<Item>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]()
  let failed: { readonly error: unknown } | undefined
  const worker = async (): Promise<void> => {
    while (failed === undefined) {
      const next = left.next()
      if (next.done === true) return
      try {
        await work(next.value)
      } catch (error) {
        failed ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failed !== undefined) throw failed.error
}
