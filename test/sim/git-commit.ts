import { execFileSync } from 'node:child_process'

/** The commit in the working directory, with a mark when files differ from it; 'unknown' outside a repository. */
export function gitCommit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}
