/** What a profile of node 1 says, scaled to the whole cluster. */
import { type CpuProfile, type FunctionTime, functionTimes, ownerTimes } from './measure/profile.js'

const FUNCTIONS = 40
const OWNERS = 16

/**
 * `mainThreadUs`: CPU time of all nodes' main threads for an operation, from the process accounting. The samples are of
 * wall time and stretch when the machine is busy, so they are scaled to add up to it.
 */
export function profileTable(title: string, profile: CpuProfile, mainThreadUs: number): string {
  const functions = functionTimes(profile)
  const sampledUs = functions.reduce((sum, { selfUs }) => sum + selfUs, 0)
  const perOperation = (us: number): string => ((us / sampledUs) * mainThreadUs).toFixed(2).padStart(9)
  const line = ({ name, place, selfUs, totalUs }: FunctionTime): string =>
    `${perOperation(selfUs)} ${perOperation(totalUs)}  ${name} ${place}`
  const ours = functions.filter(({ owner }) => owner.startsWith('src/')).sort((a, b) => b.totalUs - a.totalUs)
  const head = `\n${'self'.padStart(9)} ${'with callees'.padStart(9)}`
  const owners = ownerTimes(functions).slice(0, OWNERS)
  return [
    `\n${title}: CPU µs an operation on the main threads of all nodes, as node 1 spends them`,
    ...owners.map(({ owner, selfUs }) => `${perOperation(selfUs)}  ${owner}`),
    `${head}  functions by their own time`,
    ...functions.slice(0, FUNCTIONS).map(line),
    `${head}  Rotunda's functions by time with what they call`,
    ...ours.slice(0, FUNCTIONS).map(line),
  ].join('\n')
}
