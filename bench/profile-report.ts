/** What a profile of node 1 says, scaled to the whole cluster. */
import {
  type AllocationNode,
  asCpuProfile,
  type CpuProfile,
  type FunctionTime,
  functionTimes,
  ownerTimes,
} from './measure/profile.js'

const FUNCTIONS = 40
const OWNERS = 16
const NODES = 3
/** Four times the sampling interval. */
const LONGEST_SAMPLE_US = 1000

/**
 * `mainThreadUs`: CPU time of all nodes' main threads for an operation, from the process accounting. The samples are of
 * wall time and stretch when the machine is busy, so they are scaled to add up to it.
 */
export function cpuTable(title: string, profile: CpuProfile, mainThreadUs: number): string {
  const functions = functionTimes(profile, LONGEST_SAMPLE_US)
  const sampledUs = functions.reduce((sum, { selfUs }) => sum + selfUs, 0)
  const heading = `${title}: CPU µs an operation on the main threads of all nodes, as node 1 spends them`
  return table(heading, functions, (us) => ((us / sampledUs) * mainThreadUs).toFixed(2))
}

/** Bytes on V8's own heap; the contents of buffers are not on it. */
export function allocationTable(title: string, root: AllocationNode, operations: number): string {
  const heading = `${title}: bytes allocated for an operation on all nodes, as node 1 allocates them`
  return table(heading, functionTimes(asCpuProfile(root)), (bytes) =>
    ((bytes * NODES) / operations).toFixed(0),
  )
}

function table(
  heading: string,
  functions: readonly FunctionTime[],
  shown: (amount: number) => string,
): string {
  const cell = (amount: number): string => shown(amount).padStart(9)
  const line = ({ name, place, selfUs, totalUs }: FunctionTime): string =>
    `${cell(selfUs)} ${cell(totalUs)}  ${name} ${place}`
  const ours = functions.filter(({ owner }) => owner.startsWith('src/')).sort((a, b) => b.totalUs - a.totalUs)
  const all = functions.reduce((sum, { selfUs }) => sum + selfUs, 0)
  const head = `\n${'self'.padStart(9)} ${'with all'.padStart(9)}`
  return [
    `\n${heading}`,
    `${cell(all)}  in all`,
    ...ownerTimes(functions)
      .slice(0, OWNERS)
      .map(({ owner, selfUs }) => `${cell(selfUs)}  ${owner}`),
    `${head}  functions by their own`,
    ...functions.slice(0, FUNCTIONS).map(line),
    `${head}  Rotunda's functions with what they call`,
    ...ours.slice(0, FUNCTIONS).map(line),
  ].join('\n')
}
