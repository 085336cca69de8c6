/** Seeds over several processes. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ONE_BUILD, type Wish } from './swarm.js'
import type { Job, Report } from './worker.js'

/** Almost all that a simulation makes is soon forgotten: with room for it, little of it is ever copied. */
const YOUNG = ['--max-semi-space-size=32']

export interface PoolOptions {
  readonly processes: number
  readonly canary?: string
  readonly wish: Wish
  /** Return false to stop: seeds under way are finished, no more are begun. */
  onReport(report: Report): boolean
}

/** Runs the seeds in order of their numbers, as processes become free. Rejects when a process dies. */
export function runPool(seeds: readonly number[], options: PoolOptions): Promise<void> {
  const queue = [...seeds]
  const worker = fileURLToPath(new URL('./worker.js', import.meta.url))
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const wish = options.canary === undefined ? options.wish : { ...ONE_BUILD, ...options.wish }
      const planted = options.canary === undefined ? [] : [options.canary]
      const child = fork(worker, planted, { stdio: 'inherit', execArgv: [...process.execArgv, ...YOUNG] })
      let current: number | undefined
      child.on('message', (message: Report | 'ready') => {
        if (message !== 'ready' && !options.onReport(message)) queue.length = 0
        current = queue.shift()
        if (current === undefined) finish(child, resolve)
        else child.send({ seed: current, wish } satisfies Job)
      })
      child.on('error', reject)
      child.on('exit', (code) => {
        if (current !== undefined)
          reject(new Error(`the process that ran seed ${current} ended with code ${code}`))
        else if (code !== 0) reject(new Error(`a simulation process ended with code ${code}`))
      })
    })
  const processes = Math.max(1, Math.min(options.processes, queue.length))
  return Promise.all(Array.from({ length: processes }, run)).then(() => undefined)
}

function finish(child: ChildProcess, resolve: () => void): void {
  child.removeAllListeners('exit')
  child.on('exit', () => resolve())
  child.disconnect()
}
