/** The `rotunda` command as a real process, run to its end. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const LAUNCHER = fileURLToPath(new URL('../../../native/rotunda.cjs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface RunWish {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** Looked at with all standard output so far; gives the signal to send then, once. */
  readonly signalWhen?: (stdout: string) => NodeJS.Signals | false
  /** Killed after this. Default 60 s. */
  readonly timeoutMs?: number
}

/** Settings of whoever runs the tests must not reach the processes under test. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('ROTUNDA_'))
  return { ...Object.fromEntries(own), ...extra }
}

export function rotunda(args: readonly string[], wish: RunWish = {}): Promise<Ended> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    env: cleanEnvironment(wish.env),
    timeout: wish.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  let signalled = false
  child.stdout.on('data', (part: Buffer) => {
    stdout.push(part)
    const signal = !signalled && (wish.signalWhen?.(Buffer.concat(stdout).toString()) ?? false)
    if (signal === false) return
    signalled = true
    child.kill(signal)
  })
  child.stderr.on('data', (part: Buffer) => stderr.push(part))
  child.stdin.on('error', () => {})
  child.stdin.end(wish.input)
  return new Promise((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    )
  })
}
