/**
 * The cluster's secret: what nodes prove to each other, and what context tokens are signed with. A file of one key a line;
 * the first signs, all verify, so that a key is rotated without a moment in which nodes disagree: add the new key as the
 * second line everywhere, then move it to the first, then remove the old one.
 *
 * Where it comes from: the file named by the operator, else DATA/secret, else, when every address of the node is loopback,
 * a secret of this user made on first use (and copied to DATA/secret, so that the directory can be moved).
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { limits } from '../limits.js'
import { makeDirectory } from './make-directory.js'

const SHORTEST_KEY_BYTES = 16
/** Below this a key can be guessed by someone who recorded one handshake. */
const SHORT_KEY_BYTES = 24
const LONGEST_FILE_BYTES = 16 * 1024

export class SecretError extends Error {
  override name = 'SecretError'
}

export interface Secret {
  /** The file it was read from. */
  readonly path: string
  /** The lines of the file, 1 … limits.secrets of them. The first signs, all verify; network and API derive their own keys from them. */
  readonly keys: readonly string[]
  /** Sentences for the log: what is dangerous about this file, though it works. */
  readonly warnings: readonly string[]
}

/** Reads a secret file. Throws SecretError, with one clear sentence, where it cannot be used. */
export function readSecret(path: string): Secret {
  const warnings = permissionWarnings(path)
  const keys = textOf(path)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (keys.length === 0) throw new SecretError(`the secret file ${path} holds no key`)
  if (keys.length > limits.secrets) {
    throw new SecretError(`the secret file ${path} holds ${keys.length} keys; ${limits.secrets} are enough`)
  }
  const shortest = Math.min(...keys.map((key) => Buffer.byteLength(key)))
  if (shortest < SHORTEST_KEY_BYTES) {
    throw new SecretError(`a key in the secret file ${path} is shorter than ${SHORTEST_KEY_BYTES} bytes`)
  }
  if (shortest < SHORT_KEY_BYTES) {
    warnings.push(
      `a key in ${path} is short enough to be guessed; use ${SHORT_KEY_BYTES} random bytes or more`,
    )
  }
  return { path, keys, warnings }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new SecretError(`the secret file ${path} cannot be read (${code})`)
  }
}

function permissionWarnings(path: string): string[] {
  const found = statOf(path)
  if (found === undefined) throw new SecretError(`the secret file ${path} does not exist`)
  if (!found.isFile()) throw new SecretError(`the secret file ${path} is not a file`)
  if (found.size > LONGEST_FILE_BYTES) throw new SecretError(`the secret file ${path} is too large for one`)
  if (process.platform === 'win32') return []
  if ((found.mode & 0o022) !== 0) {
    throw new SecretError(`others may write to the secret file ${path}; run: chmod 600 ${path}`)
  }
  return (found.mode & 0o044) === 0 ? [] : [`others may read the secret file ${path}; run: chmod 600 ${path}`]
}

function statOf(path: string) {
  try {
    return statSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new SecretError(`the secret file ${path} cannot be read (${code})`)
  }
}

export interface SecretPlace {
  /** The file named by the operator. */
  readonly file: string | undefined
  readonly dataDirectory: string
  /** Every address that this node listens on is loopback. */
  readonly loopbackOnly: boolean
}

/** The secret of a node that starts, made where there is none and that is safe. Throws SecretError. */
export function findSecret(place: SecretPlace, env: NodeJS.ProcessEnv = process.env): Secret {
  if (place.file !== undefined) return readSecret(place.file)
  const own = join(place.dataDirectory, 'secret')
  if (statOf(own) !== undefined) return readSecret(own)
  if (!place.loopbackOnly) {
    throw new SecretError(
      'a node that others reach over a network needs a secret: put the same line of random text into a file on each node and name it with --secret-file',
    )
  }
  const keys = readSecret(ensureSecret(userSecretPath(env))).keys
  createSecret(own, `${keys.join('\n')}\n`)
  return readSecret(own)
}

/** Makes a secret file with one fresh key unless there is one, and gives its path. */
export function ensureSecret(path: string): string {
  if (statOf(path) === undefined) createSecret(path, `${randomBytes(32).toString('base64url')}\n`)
  return path
}

/** Writes a whole file of mode 0600 that nobody ever sees half of. Where two processes do so at once, the first one's stays. */
function createSecret(path: string, content: string): void {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    makeDirectory(dirname(path))
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx', flush: true })
    placeOnce(draft, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw new SecretError(`the secret file ${path} cannot be made (${code})`)
  } finally {
    discard(draft)
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // It was never made.
  }
}

/** A link fails where the name is taken; file systems without links get a rename, which the second of two racers would win. */
function placeOnce(draft: string, path: string): void {
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error
    renameSync(draft, path)
  }
}

/** Where this user's own secret lives: the configuration directory, or a private one under the temporary directory where that cannot be written. */
export function userSecretPath(env: NodeJS.ProcessEnv = process.env): string {
  const base = process.platform === 'win32' ? env.APPDATA : env.XDG_CONFIG_HOME
  const configured = join(base || join(env.HOME || homedir(), '.config'), 'rotunda')
  if (isWritableDirectory(configured)) return join(configured, 'secret')
  const fallback = join(tmpdir(), `rotunda-${userInfo().username}`)
  assertPrivateDirectory(fallback)
  return join(fallback, 'secret')
}

function isWritableDirectory(path: string): boolean {
  const probe = join(path, `.probe-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    makeDirectory(path)
    writeFileSync(probe, '', { flag: 'wx', mode: 0o600 })
    return true
  } catch {
    return statOf(join(path, 'secret')) !== undefined
  } finally {
    discard(probe)
  }
}

/** The temporary directory belongs to everybody: a directory or link planted there by someone else must not be trusted. */
function assertPrivateDirectory(path: string): void {
  makeDirectory(path)
  const found = lstatSync(path)
  if (!found.isDirectory()) throw new SecretError(`${path} is not a directory; remove it`)
  if (process.platform === 'win32') return
  if (found.uid !== process.getuid?.())
    throw new SecretError(`${path} belongs to another user; use --secret-file`)
  chmodSync(path, 0o700)
}
