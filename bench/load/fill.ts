/** Every key put once, before anything is measured. */
import { Generator } from './generator.js'
import type { KeySet } from './key-set.js'
import { FillWorkload } from './keyed-workload.js'
import type { Values } from './values.js'

/** Throws where a put fails. */
export async function fill(generator: Generator, keys: KeySet, values: Values): Promise<void> {
  const { faults, firstFault } = await generator.runToEnd(new FillWorkload(keys, values))
  if (faults > 0) throw new Error(`${faults} of ${keys.size} first puts failed: ${firstFault}`)
}

/** The same over connections of its own. `valueBytes`: room for a request's value. */
export async function fillOver(
  ports: readonly number[],
  connections: number,
  valueBytes: number,
  keys: KeySet,
  values: Values,
): Promise<void> {
  const generator = await Generator.open(ports, connections, valueBytes)
  try {
    await fill(generator, keys, values)
  } finally {
    generator.close()
  }
}
