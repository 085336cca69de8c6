/** The `rotunda` command: finds what to do, does it, and turns every way it can end into an exit code and at most one line. */
import { COMMANDS, type Command } from './cli/commands.js'
import { nearest } from './cli/nearest.js'
import { complain, print } from './cli/terminal.js'
import { UsageError } from './cli/usage-error.js'

const DONE = 0
const FAULT = 1
const UNUSABLE = 2
const LINGER_MS = 500

async function main(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === '--version' || first === '-v') {
    await print(`${(await import('./version.js')).VERSION}\n`)
    return DONE
  }
  const command = commandOf(args)
  const rest = args.slice(command?.name.split(' ').length ?? 1)
  if (asksForHelp(first, command, rest)) {
    const { commandHelp, overview } = await import('./cli/help.js')
    await print(command === undefined ? overview() : commandHelp(command))
    return DONE
  }
  if (command === undefined) throw new UsageError(noSuchCommand(first))
  return perform(command, rest)
}

/** A name may have two words: "ring split" goes before "ring". */
function commandOf([first, second]: readonly string[]): Command | undefined {
  return (
    COMMANDS.find(({ name }) => name === `${first} ${second}`) ?? COMMANDS.find(({ name }) => name === first)
  )
}

function asksForHelp(
  first: string | undefined,
  command: Command | undefined,
  rest: readonly string[],
): boolean {
  if (first === '--help' || first === '-h' || first === 'help') return true
  const flags = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
  return command !== undefined && (flags.includes('--help') || flags.includes('-h'))
}

function noSuchCommand(word: string | undefined): string {
  const names = COMMANDS.map(({ name }) => name)
  if (word === undefined) return `tell it what to do: ${names.join(', ')}; see rotunda --help`
  return `unknown command ${JSON.stringify(word)}; the nearest known one is ${nearest(word, names)}; see rotunda --help`
}

async function perform(command: Command, args: readonly string[]): Promise<number> {
  const { resolve } = await import('./cli/resolve.js')
  const invocation = resolve(command, args)
  const run = await command.load()
  return run(invocation)
}

/** By name, so that nobody loads what throws them only to compare. */
const FORESEEN = new Set(['Fault', 'SecretError', 'NativeError'])

/** A sentence for what was foreseen; for a bug the stack too, since nobody could act on less. */
function report(error: unknown): number {
  if (error instanceof UsageError) {
    complain(error.message)
    return UNUSABLE
  }
  if (error instanceof Error && FORESEEN.has(error.name)) complain(error.message)
  else process.stderr.write(`rotunda: a bug: ${error instanceof Error ? error.stack : String(error)}\n`)
  return FAULT
}

// Whoever writes learns from the write's own completion (see print); without this the event would end the process.
process.stdout.on('error', () => {})
process.exitCode = await main(process.argv.slice(2)).catch(report)
// All is done and written. What still holds the event loop now was forgotten, and must not keep the process.
setTimeout(() => process.exit(), LINGER_MS).unref()
