/** What a profile of node 1 says, scaled to the whole cluster: µs of main thread for one client operation. */
import { type CpuProfile, functionTimes, ownerTimes } from './measure/profile.js'

const FUNCTIONS = 40
const OWNERS = 16
const NODES = 3

export function profileTable(title: string, profile: CpuProfile, operations: number): string {
  const functions = functionTimes(profile)
  const perOperation = (us: number): string => ((us * NODES) / operations).toFixed(2).padStart(9)
  const owners = ownerTimes(functions).slice(0, OWNERS)
  return [
    `\n${title}: main thread of node 1 × ${NODES} nodes ÷ ${operations} operations, µs`,
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
