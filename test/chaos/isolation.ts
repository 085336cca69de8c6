/**
 * The suite runs once more within namespaces of its own for mounts and processes, where the machine lets it: what it mounts and starts
 * is gone when it is, however it ends, and it can signal nothing that it did not start.
 */
import { spawn, spawnSync } from 'node:child_process'

const MARK = 'ROTUNDA_CHAOS_ISOLATED'
const FLAGS = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']

export function isIsolated(): boolean {
  return process.env[MARK] === 'yes'
}

export function canIsolate(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', [...FLAGS, 'true']).status === 0
}

/** Runs this very command inside; resolves to its exit code. */
export function runIsolated(): Promise<number> {
  const child = spawn('unshare', [...FLAGS, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: 'yes' },
  })
  // Ctrl-C reaches both; the inner one says how it ended.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? 1))
  })
}
