/** What operators do with the whole cluster: POST /v1/cluster/split and copies. */
import { objectIn } from './buckets.js'
import { badChange, recordChange } from './changes.js'
import type { Exchange } from './exchange.js'

/** The JSON object of a body, which may hold this number and nothing else. */
function numberIn(body: Uint8Array, name: string, example: string): number | undefined {
  const { [name]: value, ...others } = objectIn(body, example)
  const surplus = Object.keys(others)[0]
  if (surplus !== undefined)
    throw badChange(`${name} is all that is taken, not ${JSON.stringify(surplus.slice(0, 40))}`)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) throw badChange(`${name} is a whole number`)
  return value
}

/** Without a number: twice as many partitions as there are. */
export const postSplit: (exchange: Exchange) => void = recordChange((body) => {
  return { kind: 'split', partitions: numberIn(body, 'partitions', '{"partitions":1024}') }
})

export const postCopies: (exchange: Exchange) => void = recordChange((body) => {
  const copies = numberIn(body, 'copies', '{"copies":5}')
  if (copies === undefined) throw badChange('copies is the number N of copies that is wanted')
  return { kind: 'copies', copies }
})
