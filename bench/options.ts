/** The bench's arguments, parsed once. */
import { parseArgs } from 'node:util'
import { SMALLEST_VALUE_BYTES } from './load/values.js'

export const rowNames = ['put', 'get', 'mixed', 'blind'] as const
export type RowName = (typeof rowNames)[number]

export const systemNames = ['floor', 'rotunda'] as const
export type SystemName = (typeof systemNames)[number]

export interface BenchOptions {
  readonly seconds: number
  readonly warmupSeconds: number
  /** Before a system's first window of a row: V8 compiles what it has seen often enough, and is slow to do so on a busy machine. */
  readonly warmupOperations: number
  readonly rounds: number
  readonly connections: number
  readonly valueBytes: number
  readonly keys: number
  readonly siblings: number
  /** Of each system. */
  readonly nodes: number
  readonly rows: readonly RowName[]
  readonly systems: readonly SystemName[]
  readonly durability: string
  /** Where the clusters keep their files; a directory on a real disk. */
  readonly directory: string | undefined
  readonly jsonFile: string | undefined
  readonly assertRatio: number | undefined
  /** Where profiles of node 1 go, one for each row. */
  readonly profileDirectory: string | undefined
}

/** A mistake of the person at the keyboard: printed without a stack. */
export class UsageError extends Error {}

export const usage = `npm run bench -- [options]
  --seconds 8          length of each measured window
  --warmup 2           seconds of the same load before each window
  --warmup-operations 30000   at least so many of them before a system's first window of a row
  --rounds 3           windows of each system for each row, in alternation
  --connections 32     concurrent clients, one request under way each
  --value-bytes 1024   size of a value (from ${SMALLEST_VALUE_BYTES})
  --keys 20000         keys of the rows put, get and mixed
  --siblings 16        blind puts on one key before it is left for a fresh one (at most 128)
  --nodes 3            of each system; three of them own a key
  --only put,get       rows to run: ${rowNames.join(', ')}
  --systems floor      systems to run: ${systemNames.join(', ')}
  --durability fsync   of Rotunda (fsync, os, buffered); the floor always syncs
  --dir DIR            where the data goes (default: the system's temporary folder)
  --json FILE          also write everything measured there
  --assert-ratio 1.5   exit 1 when Rotunda's CPU for an operation is more than this many times the floor's (put, get and mixed)
  --cpu-prof DIR       profile node 1 of each system over further windows (time, allocations), leave the profiles there, print the top functions`

export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = readArguments(argv)
  const keys = whole('keys', values.keys, 1, 100_000_000)
  const connections = whole('connections', values.connections, 1, 10_000)
  if (keys < connections) throw new UsageError('--keys: each connection needs a key of its own')
  return {
    seconds: real('seconds', values.seconds, 0.1),
    warmupSeconds: real('warmup', values.warmup, 0),
    warmupOperations: whole('warmup-operations', values['warmup-operations'], 0, 100_000_000),
    rounds: whole('rounds', values.rounds, 1, 1000),
    connections,
    keys,
    valueBytes: whole('value-bytes', values['value-bytes'], SMALLEST_VALUE_BYTES, 1 << 20),
    siblings: whole('siblings', values.siblings, 1, 128),
    nodes: whole('nodes', values.nodes, 3, 9),
    rows: names('only', values.only, rowNames),
    systems: names('systems', values.systems, systemNames),
    durability: oneOf('durability', values.durability, ['fsync', 'os', 'buffered']),
    directory: values.dir,
    jsonFile: values.json,
    assertRatio:
      values['assert-ratio'] === undefined ? undefined : real('assert-ratio', values['assert-ratio'], 0),
    profileDirectory: values['cpu-prof'],
  }
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        seconds: { type: 'string', default: '8' },
        warmup: { type: 'string', default: '2' },
        'warmup-operations': { type: 'string', default: '30000' },
        rounds: { type: 'string', default: '3' },
        connections: { type: 'string', default: '32' },
        'value-bytes': { type: 'string', default: '1024' },
        keys: { type: 'string', default: '20000' },
        siblings: { type: 'string', default: '16' },
        nodes: { type: 'string', default: '3' },
        only: { type: 'string', default: rowNames.join(',') },
        systems: { type: 'string', default: systemNames.join(',') },
        durability: { type: 'string', default: 'fsync' },
        dir: { type: 'string' },
        json: { type: 'string' },
        'assert-ratio': { type: 'string' },
        'cpu-prof': { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function real(name: string, text: string, least: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < least) {
    throw new UsageError(`--${name}: a number from ${least}, not ${text}`)
  }
  return value
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = real(name, text, least)
  if (!Number.isInteger(value) || value > most) {
    throw new UsageError(`--${name}: a whole number from ${least} to ${most}, not ${text}`)
  }
  return value
}

function names<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  const wanted = text.split(',').map((name) => oneOf(option, name, known))
  return known.filter((name) => wanted.includes(name))
}

function oneOf<Name extends string>(option: string, text: string, known: readonly Name[]): Name {
  const found = known.find((name) => name === text)
  if (found === undefined) throw new UsageError(`--${option}: one of ${known.join(', ')}, not ${text}`)
  return found
}
