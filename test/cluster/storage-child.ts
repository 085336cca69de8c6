import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { endProcess } from '../../src/kernel/index.js'
import type { OpenReport, ReopenReport, RowRead, StorageFaultKind } from '../../src/node/guard/index.js'
import { StorageNode, type StorageSettings, saying } from './storage-node.js'

/**
 * A storage guard in a process of its own, so that it can be killed, and so that a crash of the engine is seen. This file is both
 * ends: run as a process it does what it is told; imported it is the way to one.
 */
type Order =
  | { readonly do: 'put'; readonly keys: readonly string[]; readonly valueBytes: number }
  | { readonly do: 'read'; readonly keys: readonly string[] }
  | { readonly do: 'scan' }
  | { readonly do: 'close' }

type News =
  | { readonly opened: OpenReport; readonly pid: number }
  | { readonly failed: string }
  | { readonly acked: string }
  | { readonly refused: string; readonly kind: StorageFaultKind }
  | { readonly fenced: string }
  | { readonly reopened: ReopenReport }
  | { readonly stuck: string }
  | { readonly answer: unknown }

/** The value that is written under a key. */
export function writtenValue(key: string, bytes: number): string {
  return `${key}|`.repeat(Math.ceil(bytes / (key.length + 1))).slice(0, bytes)
}

const living = new Set<StorageChild>()

/** For the end of a test file, where a failed test may have left one behind. */
export async function killChildren(): Promise<void> {
  await Promise.all([...living].map((child) => child.kill()))
}

export class StorageChild {
  /** Keys whose acknowledgement has arrived here. */
  readonly acked = new Set<string>()
  readonly refused = new Map<string, StorageFaultKind>()
  readonly fences: string[] = []
  readonly reopens: ReopenReport[] = []
  /** One sentence if it could not open. */
  failure: string | undefined
  /** Why it ended by itself, as a node does, if its engine did not close. */
  stuck: string | undefined
  report: OpenReport | undefined
  readonly process: ChildProcess
  /** Of the storage itself, which a tracer may stand in front of. */
  #pid = 0
  #answers: { resolve(answer: unknown): void; reject(error: Error): void }[] = []
  #watchers: (() => void)[] = []

  constructor(directory: string, settings: StorageSettings = {}, command: readonly string[] = []) {
    const args = [directory, JSON.stringify(settings)]
    const [program, ...before] = [...command, process.execPath]
    const file = fileURLToPath(import.meta.url)
    this.process =
      program === process.execPath
        ? fork(file, args)
        : fork(file, args, { execPath: program!, execArgv: before })
    this.process.on('message', (news: News) => this.#take(news))
    living.add(this)
    this.process.on('exit', () => {
      living.delete(this)
      for (const { reject } of this.#answers.splice(0)) reject(new Error('the storage process ended'))
      this.#changed()
    })
  }

  static async start(
    directory: string,
    settings: StorageSettings = {},
    command: readonly string[] = [],
  ): Promise<StorageChild> {
    const child = new StorageChild(directory, settings, command)
    await child.until(() => child.report !== undefined || child.failure !== undefined)
    return child
  }

  put(keys: readonly string[], valueBytes: number): void {
    this.#order({ do: 'put', keys, valueBytes })
  }

  /** Written one by one, each when the one before has been answered. */
  async putAll(keys: readonly string[], valueBytes: number): Promise<void> {
    this.put(keys, valueBytes)
    await this.until(() => keys.every((key) => this.acked.has(key) || this.refused.has(key)))
  }

  read(keys: readonly string[]): Promise<readonly string[]> {
    return this.#ask({ do: 'read', keys }) as Promise<readonly string[]>
  }

  /** How many rows a scan finds, and whether anything was damaged. */
  scan(): Promise<{ rows: number; damaged: boolean }> {
    return this.#ask({ do: 'scan' }) as Promise<{ rows: number; damaged: boolean }>
  }

  /** Closes the guard, tries everything once more on the closed one, and ends. Resolves to the exit code or signal. */
  async end(): Promise<number | string | null> {
    this.#order({ do: 'close' })
    return await this.exited()
  }

  async kill(): Promise<void> {
    if (this.#pid > 0) process.kill(this.#pid, 'SIGKILL')
    else this.process.kill('SIGKILL')
    await this.exited()
  }

  async exited(): Promise<number | string | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit')
    return this.process.signalCode ?? this.process.exitCode
  }

  /** Rejects when the process ends before it is so. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`the storage process ended (${this.process.signalCode ?? this.process.exitCode})`)
      await new Promise<void>((resolve) => this.#watchers.push(resolve))
    }
  }

  #ask(order: Order): Promise<unknown> {
    this.#order(order)
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }))
  }

  #order(order: Order): void {
    this.process.send(order)
  }

  #take(news: News): void {
    if ('opened' in news) this.#opened(news.opened, news.pid)
    else if ('failed' in news) this.failure = news.failed
    else if ('acked' in news) this.acked.add(news.acked)
    else if ('refused' in news) this.refused.set(news.refused, news.kind)
    else if ('fenced' in news) this.fences.push(news.fenced)
    else if ('reopened' in news) this.reopens.push(news.reopened)
    else if ('stuck' in news) this.stuck = news.stuck
    else this.#answers.shift()?.resolve(news.answer)
    this.#changed()
  }

  #opened(report: OpenReport, pid: number): void {
    this.report = report
    this.#pid = pid
  }

  #changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher()
  }
}

class Worker {
  readonly #node: StorageNode
  #tail: Promise<void> = Promise.resolve()

  constructor(directory: string, settings: StorageSettings) {
    this.#node = new StorageNode(directory, settings, {
      fenced: (fenced) => tell({ fenced }),
      reopened: (reopened) => tell({ reopened }),
      stuck: (stuck) => process.send?.({ stuck }, () => endProcess(1)),
    })
  }

  async run(): Promise<void> {
    process.on('message', (order: Order) => {
      this.#tail = this.#tail.then(() => this.#obey(order))
    })
    try {
      tell({ opened: await this.#node.open(), pid: process.pid })
    } catch (error) {
      tell({ failed: (error as Error).message })
      process.disconnect()
    }
  }

  async #obey(order: Order): Promise<void> {
    switch (order.do) {
      case 'put':
        for (const key of order.keys) await this.#put(key, order.valueBytes)
        return
      case 'read':
        tell({ answer: (await this.#node.read(order.keys)).map(saying) })
        return
      case 'scan': {
        const { rows, damaged } = await this.#node.scan()
        tell({ answer: { rows: rows.size, damaged } })
        return
      }
      case 'close':
        await this.#close()
        return
      default:
        order satisfies never
    }
  }

  async #put(key: string, valueBytes: number): Promise<void> {
    const fault = await this.#node.put(key, writtenValue(key, valueBytes))
    tell(fault === undefined ? { acked: key } : { refused: key, kind: fault.kind })
  }

  async #close(): Promise<void> {
    // Called with everything still under way, and again afterwards: RocksDB itself would end the process.
    const underWay = [this.#node.put('last', 'v'), this.#node.read(['last']), this.#node.scan()]
    await this.#node.close()
    await Promise.all(underWay)
    const rows: readonly RowRead[] = await this.#node.read(['last'])
    const fault = await this.#node.put('late', 'v')
    const { damaged } = await this.#node.scan()
    await this.#node.close()
    process.exitCode = rows[0] === 'unreadable' && fault?.kind === 'closed' && damaged ? 0 : 3
    process.disconnect()
  }
}

function tell(news: News): void {
  process.send?.(news)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  void new Worker(process.argv[2]!, JSON.parse(process.argv[3]!) as StorageSettings).run()
}
