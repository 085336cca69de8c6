/** System calls of a running process made slow or made to fail, where the machine lets strace do it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

const FOR_EVER_MS = 600_000

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

  /** Every sync fails, and RocksDB does not come to the end of a close: giving back the lock of its directory takes longer than anybody waits. */
  static failingSyncsAndCloses(pid: number): Promise<Tracer> {
    return Tracer.#attach(pid, 'inject=fdatasync:error=EIO', `inject=fcntl:delay_enter=${FOR_EVER_MS * 1000}`)
  }

  static async #attach(pid: number, ...injections: string[]): Promise<Tracer> {
    const inject = injections.flatMap((injection) => ['-e', injection])
    const args = ['-f', '-o', '/dev/null', '-e', 'trace=fdatasync,fcntl', ...inject, '-p', String(pid)]
    const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    // It says "Process … attached" on its standard error.
    await Promise.race([once(strace.stderr!, 'data'), once(strace, 'exit')])
    if (strace.exitCode !== null) throw new Error(`strace could not attach to ${pid}`)
    return new Tracer(strace)
  }

  /** Lets go of the process, when a delay that is under way is over. */
  detach(): Promise<void> {
    return this.#end('SIGINT')
  }

  /** Lets go of the process at once. */
  abandon(): Promise<void> {
    return this.#end('SIGKILL')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#strace.exitCode !== null || this.#strace.signalCode !== null) return
    this.#strace.kill(signal)
    await once(this.#strace, 'exit')
  }
}
