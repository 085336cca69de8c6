/** One node of the cluster under test: the process, its disk, its clock, and how its processes ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestNode } from '../cluster/test-node.js'
import { NodeDisk } from './node-disk.js'
import { CANARY_VARIABLE } from './plant-canary.js'
import type { Machine } from './probe.js'

export interface ChaosNodeSetup {
  readonly name: string
  readonly port: number
  readonly peerPort: number
  readonly flags: readonly string[]
  readonly runDirectory: string
  readonly machine: Machine
  /** A known bug of the simulator's that the node is to have. */
  readonly canary: string | undefined
}

/** A stop may have to wait for requests in flight and for a slow machine. */
const STOP_MS = 60_000
/** Among the last lines of a node that could not open its database. */
const LAST_LINES = 5
const REFUSED_DISK = 'The disk failed while the database was being opened'
const PLANTER = new URL('./plant-canary.js', import.meta.url).href

export class ChaosNode {
  readonly name: string
  readonly process: TestNode
  readonly disk: NodeDisk
  /** Ends that nobody asked for, in words. */
  readonly crashes: string[] = []
  readonly #clockFile: string
  #asked = false
  /** Somebody tampered with the system calls of the process that runs. */
  #tampered = false
  #tracer: ChildProcess | undefined

  constructor({ name, port, peerPort, flags, runDirectory, machine, canary }: ChaosNodeSetup) {
    this.name = name
    this.disk = new NodeDisk(runDirectory, name, machine.disk)
    this.#clockFile = join(runDirectory, `${name}.clock`)
    const env = {
      ...(machine.fakeTime !== undefined && this.#fakeClock(machine.fakeTime)),
      ...(canary !== undefined && { [CANARY_VARIABLE]: canary, NODE_OPTIONS: `--import ${PLANTER}` }),
    }
    const logFile = join(runDirectory, `${name}.log`)
    this.process = new TestNode({ name, port, peerPort, directory: this.disk.directory, flags, env, logFile })
  }

  launch(): void {
    if (this.process.isRunning) return
    this.#asked = false
    this.#tampered = this.#tracer !== undefined
    this.process.launch()
    this.process.ended().then(({ code, signal }) => {
      if (!this.#asked && !this.#refusedItsDisk(code))
        this.crashes.push(`${this.name} ended by itself with ${signal ?? `exit code ${code}`}`)
    })
  }

  /** A node whose disk fails while it is opened says so and ends; whoever looks after it starts it again. */
  #refusedItsDisk(code: number | null): boolean {
    const isTold = this.process.lines.slice(-LAST_LINES).some((line) => line.includes(REFUSED_DISK))
    return code === 1 && this.#tampered && isTold
  }

  async kill(): Promise<void> {
    this.#asked = true
    await this.process.kill()
  }

  /** Asks it to stop cleanly; an end that is no clean one counts as a crash. */
  async stop(): Promise<void> {
    if (!this.process.isRunning) return
    this.#asked = true
    const patience = setTimeout(() => {
      this.crashes.push(`${this.name} did not stop within ${STOP_MS} ms`)
      this.process.signal('SIGKILL')
    }, STOP_MS)
    const { code, signal } = await this.process.stop()
    clearTimeout(patience)
    // Before its own code has begun, the signal meets nobody who could stop it cleanly.
    const hadBegun = signal === null || this.process.hasSpoken
    if (code !== 0 && hadBegun)
      this.crashes.push(`${this.name} was asked to stop and ended with ${signal ?? `exit code ${code}`}`)
  }

  /** The process stands still (SIGSTOP) or goes on. */
  pause(): void {
    this.process.signal('SIGSTOP')
  }

  resume(): void {
    this.process.signal('SIGCONT')
  }

  /** From now on its system calls are tampered with, as `strace -e inject=` takes it. */
  async tamper(injection: string): Promise<void> {
    if (!this.process.isRunning) return
    const args = [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-p',
      `${this.process.pid}`,
      '-e',
      'trace=fdatasync',
      '-e',
      `inject=${injection}`,
    ]
    this.#tampered = true
    this.#tracer = spawn('strace', args, { stdio: 'ignore' })
    await once(this.#tracer, 'spawn')
  }

  async leaveAlone(): Promise<void> {
    const tracer = this.#tracer
    this.#tracer = undefined
    if (tracer === undefined || tracer.exitCode !== null || tracer.signalCode !== null) return
    const gone = once(tracer, 'close')
    tracer.kill('SIGINT')
    await gone
  }

  /** Its wall clock is off by so much from now on. */
  setClock(offSeconds: number): void {
    writeFileSync(this.#clockFile, `${offSeconds < 0 ? '' : '+'}${offSeconds}\n`)
  }

  #fakeClock(library: string): Record<string, string> {
    this.setClock(0)
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_NO_CACHE: '1',
      // A monotonic clock that goes back stops the timers of the process, which no real one does.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
  }
}
