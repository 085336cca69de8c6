/** One node of a development cluster as a process of its own, and what it says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { environmentVariable, setting, settingKeys } from '../../config.js'

const LAUNCHER = fileURLToPath(new URL('../../../../native/rotunda.cjs', import.meta.url))

/** A node ends its requests in flight within 10 s; past this it hangs. */
const PATIENCE_MS = 15_000

export interface LogLine {
  readonly level: string
  readonly event: string
  /** The whole line, JSON. */
  readonly text: string
}

export interface Ears {
  logged(line: LogLine): void
  /** A line that is not of the log: a crash, a fault. */
  said(line: string): void
  /** The process is gone, in words: "was killed by SIGKILL", "ended with exit code 1". Everything it said was told before. */
  ended(how: string, code: number | null): void
}

export class NodeProcess {
  readonly startedAtMs = performance.now()
  readonly #child: ChildProcess
  readonly #gone: Promise<void>

  /** Starts `rotunda start` with these flags. It stops when our end of its standard input closes, also when we are killed. */
  constructor(flags: readonly string[], ears: Ears) {
    this.#child = spawn(process.execPath, [LAUNCHER, 'start', ...flags, '--stop-with-parent'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: childEnvironment(process.env),
      // Ctrl-C in the terminal is for us; we stop the nodes.
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    this.#child.stdin?.on('error', () => {})
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const parsed = parseLine(line)
      if (parsed === undefined) ears.said(line)
      else ears.logged(parsed)
    })
    createInterface({ input: this.#child.stderr! }).on('line', (line) => ears.said(line))
    this.#gone = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        ears.ended(`could not be started: ${error.message}`, null)
        resolve()
      })
      this.#child.once('close', (code, signal) => {
        ears.ended(signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`, code)
        resolve()
      })
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Lets it end its requests in flight. True when it did so in time, false when it had to be killed. */
  async stop(): Promise<boolean> {
    this.#child.stdin?.end()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), PATIENCE_MS)
    })
    const stopped = await Promise.race([this.#gone.then(() => true), late])
    clearTimeout(timer)
    if (!stopped) this.kill()
    await this.#gone
    return stopped
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Settings meant for us must not reach the nodes behind our back: they get theirs as flags. */
function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = new Set(settingKeys.map((key) => environmentVariable(setting(key))))
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.has(name)))
}

function parseLine(text: string): LogLine | undefined {
  try {
    const { level, event } = JSON.parse(text) as Record<string, unknown>
    return typeof level === 'string' && typeof event === 'string' ? { level, event, text } : undefined
  } catch {
    return undefined
  }
}
