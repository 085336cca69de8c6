import { spawn } from 'node:child_process'

/** Runs a program of the machine to its end without holding up the proxies. Throws with what it said where it fails. */
export function command(program: string, ...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const said: Buffer[] = []
    child.stderr.on('data', (part: Buffer) => said.push(part))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(
          new Error(
            `${program} ${args.join(' ')}: ${signal ?? `exit code ${code}`}: ${Buffer.concat(said).toString().trim()}`,
          ),
        )
    })
  })
}
