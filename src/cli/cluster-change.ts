/** `rotunda ring split` and `ring copies`: ask a node to record what is to become of the whole cluster. */
import { record } from './change.js'
import type { Invocation } from './resolve.js'
import { UsageError } from './usage-error.js'

export function split(invocation: Invocation): Promise<number> {
  const { partitions } = invocation.settings
  return record('split', invocation, { partitions }, ({ q }) => `There are ${q} partitions.`)
}

export async function copies(invocation: Invocation): Promise<number> {
  const wanted = wholeNumber(invocation.operands[0]!, 'COPIES')
  return record('copies', invocation, { copies: wanted }, ({ n }) => `N is ${n}.`)
}

/** An operand that counts something. */
export function wholeNumber(text: string, name: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`${name} is a whole number from 1 on, not ${text}`)
}
