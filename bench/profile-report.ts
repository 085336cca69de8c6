/** What a profile of node 1 says, scaled to the whole cluster. */
import { type CpuProfile, functionTimes, ownerTimes } from './measure/profile.js'

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
  const owners = ownerTimes(functions).slice(0, OWNERS)
  return [
    `\n${title}: CPU µs an operation on the main threads of all nodes, as node 1 spends them`,
    ...owners.map(({ owner, selfUs }) => `${perOperation(selfUs)}  ${owner}`),
    `\n${'self'.padStart(9)} ${'total'.padStart(9)}  function`,
    ...functions
      .slice(0, FUNCTIONS)
      .map(
        ({ name, place, selfUs, totalUs }) =>
          `${perOperation(selfUs)} ${perOperation(totalUs)}  ${name} ${place}`,
      ),
  ].join('\n')
}
