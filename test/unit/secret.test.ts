import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ensureSecret, findSecret, readSecret, SecretError, userSecretPath } from '../../src/io/secret.js'

const root = mkdtempSync(join(tmpdir(), 'rotunda-secret-'))
test.after.always(() => rmSync(root, { recursive: true, force: true }))

const onPosix = process.platform === 'win32' ? test.skip : test
let files = 0

function secretFile(content: string, mode = 0o600): string {
  const path = join(root, `secret-${files++}`)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

function freshDirectory(): string {
  const path = join(root, `directory-${files++}`)
  mkdirSync(path)
  return path
}

const first = 'first-key-of-at-least-24-bytes'
const second = 'second-key-of-at-least-24-bytes'

test('a file holds one key a line; blank lines, spaces and Windows line ends do not matter', (t) => {
  t.deepEqual(readSecret(secretFile(`${first}\r\n\n  ${second}  \n`)).keys, [first, second])
})

test('a file without keys, with too many, with a short one, or that is none is refused in one sentence', (t) => {
  const refused = (path: string, about: RegExp) => {
    const error = t.throws(() => readSecret(path), { instanceOf: SecretError, message: about })
    t.false(error.message.includes('\n'))
  }
  refused(secretFile('\n \n'), /holds no key/)
  refused(secretFile(Array.from({ length: 9 }, (_, i) => `${first}${i}`).join('\n')), /holds 9 keys/)
  refused(secretFile('fifteen-bytes-1\n'), /shorter than 16 bytes/)
  refused(secretFile('x'.repeat(16 * 1024 + 1)), /too large/)
  refused(join(root, 'absent'), /does not exist/)
  refused(freshDirectory(), /is not a file/)
})

test('no sentence about a file names a key', (t) => {
  const error = t.throws(() => readSecret(secretFile(`${first}\nshort\n`)))
  t.false(error.message.includes(first))
})

test('a short key works, with a warning', (t) => {
  const secret = readSecret(secretFile('only-sixteen-byte\n'))
  t.is(secret.warnings.length, 1)
  t.regex(secret.warnings[0]!, /short enough to be guessed/)
  t.deepEqual(readSecret(secretFile(first)).warnings, [])
})

onPosix('a file that others may read works with a warning; one that others may write to is refused', (t) => {
  t.regex(readSecret(secretFile(first, 0o644)).warnings[0]!, /others may read .* chmod 600/)
  t.throws(() => readSecret(secretFile(first, 0o620)), { message: /others may write .* chmod 600/ })
  t.throws(() => readSecret(secretFile(first, 0o602)), { message: /others may write/ })
})

test("the operator's file goes before the directory's, and the directory's before this user's", (t) => {
  const dataDirectory = freshDirectory()
  const env = { XDG_CONFIG_HOME: freshDirectory(), APPDATA: freshDirectory() }
  const file = secretFile(first)
  t.deepEqual(findSecret({ file, dataDirectory, loopbackOnly: false }, env).keys, [first])
  writeFileSync(join(dataDirectory, 'secret'), second, { mode: 0o600 })
  t.deepEqual(findSecret({ file, dataDirectory, loopbackOnly: false }, env).keys, [first])
  t.deepEqual(findSecret({ file: undefined, dataDirectory, loopbackOnly: false }, env).keys, [second])
})

test('on loopback all nodes of a user share a secret made on first use, and keep a copy', (t) => {
  const env = { XDG_CONFIG_HOME: freshDirectory(), APPDATA: freshDirectory() }
  const [a, b] = [freshDirectory(), freshDirectory()]
  const one = findSecret({ file: undefined, dataDirectory: a, loopbackOnly: true }, env)
  const two = findSecret({ file: undefined, dataDirectory: b, loopbackOnly: true }, env)
  t.deepEqual(one.keys, two.keys)
  t.true(Buffer.byteLength(one.keys[0]!) >= 32)
  t.deepEqual(readSecret(join(a, 'secret')).keys, one.keys)
  t.deepEqual(readSecret(userSecretPath(env)).keys, one.keys)
})

test('another user (another configuration directory) has another secret', (t) => {
  const secrets = [0, 1].map(() => {
    const env = { XDG_CONFIG_HOME: freshDirectory(), APPDATA: freshDirectory() }
    return findSecret({ file: undefined, dataDirectory: freshDirectory(), loopbackOnly: true }, env).keys[0]
  })
  t.not(secrets[0], secrets[1])
})

test('off loopback nothing is made up', (t) => {
  const dataDirectory = freshDirectory()
  t.throws(() => findSecret({ file: undefined, dataDirectory, loopbackOnly: false }), {
    message: /--secret-file/,
  })
  t.throws(() => readSecret(join(dataDirectory, 'secret')), { message: /does not exist/ })
})

onPosix('made secrets are 0600 in a 0700 directory', (t) => {
  const env = { XDG_CONFIG_HOME: freshDirectory() }
  const dataDirectory = freshDirectory()
  findSecret({ file: undefined, dataDirectory, loopbackOnly: true }, env)
  t.is(statSync(join(dataDirectory, 'secret')).mode & 0o777, 0o600)
  t.is(statSync(join(env.XDG_CONFIG_HOME, 'rotunda', 'secret')).mode & 0o777, 0o600)
  t.is(statSync(join(env.XDG_CONFIG_HOME, 'rotunda')).mode & 0o777, 0o700)
})

test('making a secret where there is one keeps it', (t) => {
  const path = secretFile(first)
  t.is(ensureSecret(path), path)
  t.deepEqual(readSecret(path).keys, [first])
})

onPosix(
  'without a writable configuration directory the secret lives in a private directory of the temporary one',
  (t) => {
    const temporary = freshDirectory()
    const previous = process.env.TMPDIR
    process.env.TMPDIR = temporary
    try {
      const path = userSecretPath({ XDG_CONFIG_HOME: '/dev/null/nowhere' })
      t.true(path.startsWith(temporary))
      t.is(statSync(join(path, '..')).mode & 0o777, 0o700)
      rmSync(join(path, '..'), { recursive: true })
      symlinkSync(freshDirectory(), join(path, '..'))
      t.throws(() => userSecretPath({ XDG_CONFIG_HOME: '/dev/null/nowhere' }), { instanceOf: SecretError })
    } finally {
      if (previous === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = previous
    }
  },
)
