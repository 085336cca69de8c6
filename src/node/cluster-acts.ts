/** Acts that concern the whole cluster: it gets more partitions, or another N. What is to be recorded, or why nothing is. */
import { limits } from '../limits.js'
import { isPartitionCount } from '../protocol/membership/change-codec.js'
import type { Table } from '../protocol/membership/table.js'
import type { Failure } from './requests.js'

/** What is wanted in numbers: so many partitions, or copies. */
export function amountOf(
  wanted: { readonly partitions?: number | undefined; readonly copies?: number },
  { partitions }: Table,
): number {
  return wanted.copies ?? wanted.partitions ?? 2 * partitions
}

/** Why this cannot be recorded, whatever else is going on. */
export function amountRefusal(kind: 'split' | 'copies', amount: number, table: Table): Failure | undefined {
  if (kind === 'split') return splitRefusal(amount, table.partitions)
  if (!Number.isInteger(amount) || amount < 1 || amount > limits.replicas)
    return refused(`N is a number from 1 to ${limits.replicas}, not ${amount}`)
  return amount === table.copies ? refused(`N is ${amount} already`) : undefined
}

function splitRefusal(partitions: number, now: number): Failure | undefined {
  if (now === limits.partitions) return refused(`There are ${now} partitions, and never more`)
  if (!isPartitionCount(partitions))
    return refused(`The number of partitions is a power of two up to ${limits.partitions}, not ${partitions}`)
  return partitions > now
    ? undefined
    : refused(`There are ${now} partitions already, and never fewer than there were`)
}

function refused(message: string): Failure {
  return { status: 'error', code: 'BAD_PARAM', message: `${message}; nothing was changed.` }
}
