/** System calls of a running process made slow or made to fail, where the machine lets strace do it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

export function canTrace(): boolean {
  return (
    process.platform === 'linux' && spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', 'true']).status === 0
  )
}

export class Tracer {
  readonly #strace: ChildProcess

  private constructor(strace: ChildProcess) {
    this.#strace = strace
  }

  /** Every sync of the process takes so much longer, until `detach`. */
  static slowSyncs(pid: number, byMs: number): Promise<Tracer> {
    return Tracer.#attach(pid, `inject=fdatasync:delay_enter=${byMs * 1000}`)
  }

  /** Every sync of the process fails with EIO, until `detach`. */
  static failingSyncs(pid: number): Promise<Tracer> {
    return Tracer.#attach(pid, 'inject=fdatasync:error=EIO')
  }

  static async #attach(pid: number, inject: string): Promise<Tracer> {
    const args = ['-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', inject, '-p', String(pid)]
    const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    // It says "Process … attached" on its standard error.
    await Promise.race([once(strace.stderr!, 'data'), once(strace, 'exit')])
    if (strace.exitCode !== null) throw new Error(`strace could not attach to ${pid}`)
    return new Tracer(strace)
  }

  async detach(): Promise<void> {
    if (this.#strace.exitCode !== null || this.#strace.signalCode !== null) return
    this.#strace.kill('SIGINT')
    await once(this.#strace, 'exit')
  }
}
