/** What the command line asks for. */
import { parseArgs } from 'node:util'
import { CANARIES } from '../sim/canaries/index.js'
import { FAULTS, type Fault } from './schedule.js'

export const USAGE = `Usage: npm run chaos -- [--minutes 1 | --seconds 60] [--seed 1] [--nodes 3] [--clients 8] [--only FAULT,…] [--canary NAME] [--keep]
  --minutes, --seconds   how long faults strike; healing and judging come after
  --seed    decides what is done to whom, when and for how long
  --only    faults: ${FAULTS.join(', ')}
  --canary  gives every node a known bug of the simulator's (docs/simulation.md), which is to be found
  --keep    keeps history, logs and disks also when all is well`

export interface Options {
  readonly durationMs: number
  readonly seed: string
  readonly nodes: number
  readonly clients: number
  readonly only: readonly Fault[]
  readonly canary: string | undefined
  readonly keep: boolean
}

export class UsageError extends Error {}

const FLAGS = {
  minutes: { type: 'string' },
  seconds: { type: 'string' },
  seed: { type: 'string', default: '1' },
  nodes: { type: 'string', default: '3' },
  clients: { type: 'string', default: '8' },
  only: { type: 'string', default: '' },
  canary: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** Throws UsageError. */
export function optionsFrom(args: readonly string[]): Options {
  const { values } = parse(args)
  if (values.help) throw new UsageError(USAGE)
  const { minutes, seconds } = values
  if (minutes !== undefined && seconds !== undefined) throw new UsageError('--minutes or --seconds, not both')
  const durationMs =
    minutes === undefined ? 1_000 * number('seconds', seconds ?? '60') : 60_000 * number('minutes', minutes)
  const only = values.only.split(',').filter((name) => name !== '')
  return {
    durationMs,
    seed: values.seed,
    nodes: whole('nodes', values.nodes, 32),
    clients: whole('clients', values.clients, 100),
    only: only.length === 0 ? FAULTS : only.map(faultNamed),
    canary: values.canary === undefined ? undefined : knownCanary(values.canary),
    keep: values.keep,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ options: FLAGS, args: [...args] })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function number(flag: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 100_000))
    throw new UsageError(`--${flag} takes a number above 0, not '${text}'`)
  return value
}

function whole(flag: string, text: string, most: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new UsageError(`--${flag} takes a whole number from 1 to ${most}, not '${text}'`)
  return value
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((known) => known === name)
  if (fault === undefined) throw new UsageError(`there is no fault '${name}'; there are ${FAULTS.join(', ')}`)
  return fault
}

function knownCanary(name: string): string {
  if (!CANARIES.some((canary) => canary.name === name)) throw new UsageError(`there is no canary '${name}'`)
  return name
}
