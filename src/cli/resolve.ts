/** From arguments, environment and configuration file to one frozen set of settings, or a UsageError. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { environmentVariable, type SettingKey, type Settings, setting, settingKeys } from '../config.js'
import { COMMANDS, type Command } from './commands.js'
import { configurationFile } from './configuration-file.js'
import { nearest } from './nearest.js'
import { UsageError } from './usage-error.js'

export interface Invocation {
  readonly settings: Settings
  /** The settings that someone gave, in any of the three ways. */
  readonly given: ReadonlySet<SettingKey>
  /** As many as the command wants, at least those that are not optional. */
  readonly operands: readonly string[]
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readText: (path: string) => string
}

const machine: Surroundings = { env: process.env, readText: (path) => readFileSync(path, 'utf8') }

/** Texts given for a setting, and where, in the words of an error line. */
interface Given {
  readonly origin: string
  readonly texts: readonly string[]
}

export function resolve(command: Command, args: readonly string[], from = machine): Invocation {
  const { flags, operands } = readArguments(command, args)
  const environment = readEnvironment(command, from.env)
  const file = flags.get('config') ?? environment.get('config')
  const inFile = file === undefined ? new Map<SettingKey, Given>() : readFile(file, from)
  const given = new Map([...inFile, ...environment, ...flags])
  const values = settingKeys.map((key) => [key, settingValue(command, key, given.get(key))] as const)
  return {
    settings: Object.freeze(Object.fromEntries(values)) as Settings,
    given: new Set(given.keys()),
    operands,
  }
}

function settingValue(command: Command, key: SettingKey, given: Given | undefined): unknown {
  const { parse, fallback, repeats } = setting(key)
  if (given === undefined || !command.settings.includes(key)) {
    return fallback === undefined ? (repeats ? [] : undefined) : parse(fallback)
  }
  try {
    const values = given.texts.map(parse)
    return repeats ? values.flat() : values[0]
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(`${given.origin} ${error.message}`)
  }
}

function readArguments(command: Command, args: readonly string[]) {
  const flags = new Map<SettingKey, Given>()
  const operands: string[] = []
  for (const token of tokens(command, args)) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind === 'option') addFlag(command, flags, token)
  }
  checkOperands(command, operands)
  return { flags, operands }
}

type Token = ReturnType<typeof tokens>[number]

function tokens(command: Command, args: readonly string[]) {
  const options = Object.fromEntries(
    command.settings.map((key) => {
      const { flag, shape } = setting(key)
      return [flag, { type: shape === undefined ? ('boolean' as const) : ('string' as const) }]
    }),
  )
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

function addFlag(
  command: Command,
  flags: Map<SettingKey, Given>,
  token: Extract<Token, { kind: 'option' }>,
): void {
  const key = command.settings.find((each) => setting(each).flag === token.name)
  if (key === undefined) throw unknownFlag(command, token.rawName)
  const { flag, shape, repeats } = setting(key)
  const before = flags.get(key)
  if (before !== undefined && !repeats) throw new UsageError(`--${flag} is given twice`)
  const text = shape === undefined ? (token.value ?? 'true') : token.value
  const swallowed = !token.inlineValue && text?.startsWith('--') && isFlag(command, text)
  if (text === undefined || swallowed) throw new UsageError(`--${flag} needs a value: --${flag} ${shape}`)
  flags.set(key, { origin: `--${flag}`, texts: [...(before?.texts ?? []), text] })
}

function isFlag(command: Command, text: string): boolean {
  const name = text.slice(2).split('=', 1)[0]
  return command.settings.some((key) => setting(key).flag === name)
}

function unknownFlag(command: Command, rawName: string): UsageError {
  const elsewhere = COMMANDS.filter(({ settings }) =>
    settings.some((key) => `--${setting(key).flag}` === rawName),
  )
  if (elsewhere.length > 0) {
    const names = elsewhere.map(({ name }) => name).join(', ')
    return new UsageError(`${command.name} takes no ${rawName}, which belongs to: ${names}`)
  }
  const known = command.settings.map((key) => `--${setting(key).flag}`)
  const hint = rawName.startsWith('--') ? '' : ' (an operand that begins with a hyphen goes after --)'
  return new UsageError(
    `unknown flag ${rawName}${hint}; the nearest that ${command.name} knows is ${nearest(rawName, known)}`,
  )
}

function checkOperands({ name, operands: wanted }: Command, operands: readonly string[]): void {
  const least = wanted.filter(({ optional }) => !optional).length
  if (operands.length >= least && operands.length <= wanted.length) return
  if (operands.length < least) {
    throw new UsageError(
      `${name} needs ${wanted[operands.length]!.name}; usage: rotunda ${name} ${operandText(wanted)}`,
    )
  }
  const surplus = JSON.stringify(operands[wanted.length])
  throw new UsageError(
    wanted.length === 0
      ? `${name} takes no operand such as ${surplus}`
      : `${name} does not know what to do with ${surplus}; usage: rotunda ${name} ${operandText(wanted)}`,
  )
}

export function operandText(operands: Command['operands']): string {
  return operands.map(({ name, optional }) => (optional ? `[${name}]` : name)).join(' ')
}

/** An empty variable counts as none, as is the custom. */
function readEnvironment(command: Command, env: Surroundings['env']): Map<SettingKey, Given> {
  const found = new Map<SettingKey, Given>()
  for (const key of command.settings) {
    const variable = environmentVariable(setting(key))
    const text = env[variable]
    if (text) found.set(key, { origin: variable, texts: [text] })
  }
  return found
}

function readFile({ origin, texts }: Given, from: Surroundings): Map<SettingKey, Given> {
  const path = texts[0]!
  const found = new Map<SettingKey, Given>()
  for (const [key, values] of configurationFile(path, origin, from.readText)) {
    found.set(key, { origin: `${key} in ${path}`, texts: values })
  }
  return found
}
