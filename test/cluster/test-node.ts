/** One real node process under test: `rotunda start`, killed and started again at will. */
import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Ask, http, type Reply } from './http.js'
import { cleanEnvironment, LAUNCHER } from './run.js'
import { until } from './until.js'

/** What a node said is kept for the report of a failed test. */
const KEPT_LINES = 200

export interface NodeSetup {
  readonly name: string
  readonly port: number
  readonly peerPort: number
  readonly directory: string
  readonly flags: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** All lines go here as well. */
  readonly logFile?: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class TestNode {
  readonly setup: NodeSetup
  readonly url: string
  /** Lines of both outputs of all its processes, oldest first. */
  readonly lines: string[] = []
  #child: ChildProcess | undefined
  #spoken = false
  #exit: Promise<Exit> = Promise.resolve({ code: 0, signal: null })

  constructor(setup: NodeSetup) {
    this.setup = setup
    this.url = `http://127.0.0.1:${setup.port}`
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.setup.name} does not run`)
    return pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  /** The process that runs, or ran last, has said something: its own code has begun. */
  get hasSpoken(): boolean {
    return this.#spoken
  }

  /** Starts the process, without waiting for anything. `extra` flags are for this start only. */
  launch(...extra: string[]): void {
    if (this.#child !== undefined) throw new Error(`${this.setup.name} runs already`)
    const { name, port, peerPort, directory, flags } = this.setup
    const own = ['--name', name, '--data', directory, '--listen', `127.0.0.1:${port}`]
    const args = [
      'start',
      ...own,
      '--peer-listen',
      `127.0.0.1:${peerPort}`,
      '--stop-with-parent',
      ...flags,
      ...extra,
    ]
    const child = spawn(process.execPath, [LAUNCHER, ...args], { env: cleanEnvironment(this.setup.env) })
    child.stdin.on('error', () => {})
    this.#child = child
    this.#spoken = false
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#keep(line))
    }
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#child = undefined
        this.#note(`(ended with ${signal ?? `exit code ${code}`})`)
        resolve({ code, signal })
      })
    })
  }

  #keep(line: string): void {
    this.#spoken = true
    this.#note(line)
  }

  #note(line: string): void {
    if (this.setup.logFile !== undefined) appendFileSync(this.setup.logFile, `${line}\n`)
    this.lines.push(line)
    if (this.lines.length > KEPT_LINES) this.lines.shift()
  }

  /** Sends a signal (SIGSTOP, SIGTERM …) and does not wait. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** SIGKILL, and waits until the process is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exit
  }

  /** Asks it to stop, and waits for the end. Windows has no SIGTERM: there the end of its standard input says it. */
  stop(): Promise<Exit> {
    if (process.platform === 'win32') this.#child?.stdin?.end()
    else this.signal('SIGTERM')
    return this.#exit
  }

  /** How the process ends, whenever it does. */
  ended(): Promise<Exit> {
    return this.#exit
  }

  request(method: string, path: string, ask: Ask = {}): Promise<Reply> {
    return http(method, `${this.url}${path}`, ask)
  }

  /** GET of a path that answers JSON. */
  async json<T = Record<string, unknown>>(path: string): Promise<T> {
    const { status, body } = await this.request('GET', path)
    if (status !== 200) throw new Error(`${path} of ${this.setup.name}: ${status} ${body.toString()}`)
    return JSON.parse(body.toString()) as T
  }

  /** One series of its metrics, by name and labels, without the prefix. */
  async metric(series: string): Promise<number> {
    const { body } = await this.request('GET', '/metrics')
    const line = body
      .toString()
      .split('\n')
      .find((candidate) => candidate.startsWith(`rotunda_${series} `))
    if (line === undefined) throw new Error(`${this.setup.name} has no metric ${series}`)
    return Number(line.slice(line.lastIndexOf(' ')))
  }

  /** Whether it can coordinate now. */
  async isReady(): Promise<boolean> {
    try {
      return (await this.request('GET', '/health/ready')).status === 200
    } catch {
      return false
    }
  }

  /** Throws at once where the process ends instead. */
  async untilReady(timeoutMs?: number): Promise<void> {
    const isReadyOrGone = async () => {
      if (!this.isRunning) throw new Error(`${this.setup.name} ended:\n${this.lines.slice(-5).join('\n')}`)
      return this.isReady()
    }
    await until(`${this.setup.name} is ready`, isReadyOrGone, timeoutMs)
  }
}
