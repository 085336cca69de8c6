/** --help: made from the tables of commands and settings, like everything else that names them. */
import { environmentVariable, type SettingKey, setting } from '../config.js'
import { VERSION } from '../version.js'
import { COMMANDS, type Command } from './commands.js'
import { operandText } from './resolve.js'
import { wrapped } from './terminal.js'

export function overview(): string {
  const widest = Math.max(...COMMANDS.map(({ name }) => name.length))
  return `Rotunda ${VERSION}: a key-value database that takes every write that it can keep.

Usage: rotunda COMMAND [FLAGS]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`).join('\n')}

rotunda COMMAND --help shows what a command takes; rotunda --version prints the version.
Every flag can also be given as an environment variable (--peer-listen as ROTUNDA_PEER_LISTEN) and as a key
of the JSON file that --config names ("peerListen"). A flag goes before the environment, that before the file.
Exit codes: 0 done, 1 a fault, 2 unusable arguments or configuration.
`
}

export function commandHelp(command: Command): string {
  const operands = operandText(command.operands)
  const usage = ['rotunda', command.name, operands, '[FLAGS]'].filter((part) => part !== '').join(' ')
  const notes = command.notes.length === 0 ? '' : `\n${command.notes.join('\n')}\n`
  return `${command.summary}\n\nUsage: ${usage}\n\n${flagLines(command.settings)}\n${notes}`
}

function flagLines(keys: readonly SettingKey[]): string {
  const flags = keys.map((key) => flagText(key))
  const widest = Math.max(...flags.map((flag) => flag.length))
  const indent = ' '.repeat(widest + 4)
  return keys
    .map((key, index) => {
      return `  ${flags[index]!.padEnd(widest)}  ${wrapped(description(key), indent).trimStart()}`
    })
    .join('\n')
}

export function flagText(key: SettingKey): string {
  const { flag, shape } = setting(key)
  return shape === undefined ? `--${flag}` : `--${flag} ${shape}`
}

function description(key: SettingKey): string {
  const { help, shape } = setting(key)
  const assumed = shape === undefined ? undefined : defaultText(key)
  return assumed === undefined ? help : `${help} Default: ${assumed}.`
}

/** What holds without the setting, in words or as one would write it. */
export function defaultText(key: SettingKey): string | undefined {
  const { fallback, without } = setting(key)
  return fallback ?? without
}

/** docs/config.md. */
export function configurationPage(): string {
  const keys = [...new Set(COMMANDS.flatMap(({ settings }) => settings))]
  const rows = keys.map((key) => {
    const { help } = setting(key)
    const takers = COMMANDS.filter(({ settings }) => settings.includes(key)).map(({ name }) => name)
    const inFile = key === 'config' ? '' : `\`${key}\``
    const cells = [`\`${flagText(key)}\``, `\`${environmentVariable(setting(key))}\``, inFile]
    const all = takers.length === COMMANDS.length ? 'all' : takers.join(', ')
    return [...cells, all, help, defaultText(key) ?? ''].map((cell) => cell.replaceAll('|', '\\|'))
  })
  const head = ['Flag', 'Environment', 'Key in the file', 'Commands', 'What it is', 'Default']
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  return PAGE.replace('TABLE', lines.join('\n'))
}

const PAGE = `# Settings

<!-- Made from the table in src/config.ts by test/unit/config.test.ts, which compares too (UPDATE_DOCS=1 writes it anew). -->

A setting can be given in three ways. A flag goes before the environment, the environment before the file, the file before the
default. All are parsed once, before anything else happens; what cannot be used ends the command with one line and exit code 2.

The file is JSON, named by \`--config\` or \`ROTUNDA_CONFIG\`, with the keys below. One file may serve several commands: a
command takes the keys that concern it. A key that no command knows is refused.

\`\`\`json
{ "name": "n1", "data": "/var/lib/rotunda", "listen": "10.0.0.1:7400", "join": ["10.0.0.2:7500", "10.0.0.3:7500"] }
\`\`\`

Paths are relative to the working directory. Sizes take KiB, MiB and GiB. An empty environment variable counts as none.

TABLE
`
