import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import fc from 'fast-check'
import { COMMANDS } from '../../src/cli/commands.js'
import { commandHelp, configurationPage, flagText, overview } from '../../src/cli/help.js'
import { editDistance, nearest } from '../../src/cli/nearest.js'
import { nodeConfig } from '../../src/cli/node-config.js'
import { resolve } from '../../src/cli/resolve.js'
import { UsageError } from '../../src/cli/usage-error.js'
import { bytes, bytesText, hostPort, hostPortText, isLoopback, isWildcard } from '../../src/cli/values.js'
import { environmentVariable, setting, settingKeys } from '../../src/config.js'

const command = (name: string) => COMMANDS.find((each) => each.name === name)!

/** As if this were the environment, and these the files. */
function resolved(line: string, env: Record<string, string> = {}, files: Record<string, unknown> = {}) {
  const words = line.split(' ').filter((word) => word !== '')
  const isTwo = command(words.slice(0, 2).join(' ')) !== undefined
  const [name, args] = [words.slice(0, isTwo ? 2 : 1).join(' '), words.slice(isTwo ? 2 : 1)]
  const readText = (path: string) => {
    const content = files[path]
    if (content === undefined) throw Object.assign(new Error('absent'), { code: 'ENOENT' })
    return typeof content === 'string' ? content : JSON.stringify(content)
  }
  return resolve(command(name), args, { env, readText })
}

const refused = test.macro((t, line: string, about: RegExp, env?: object, files?: object) => {
  const error = t.throws(
    () => resolved(line, env as Record<string, string>, files as Record<string, unknown>),
    { instanceOf: UsageError, message: about },
  )
  t.false(error.message.includes('\n'))
})

test('a flag goes before the environment, that before the file, that before the default', (t) => {
  const files = { 'a.json': { zone: 'file', weight: 2, name: 'file' } }
  const { settings } = resolved(
    'start --config a.json --name flag',
    { ROTUNDA_NAME: 'environment', ROTUNDA_ZONE: 'environment' },
    files,
  )
  t.is(settings.name, 'flag')
  t.is(settings.zone, 'environment')
  t.is(settings.weight, 2)
  t.is(settings.engine, 'rocksdb')
})

test('every setting can be given as flag, as variable and as key, and means the same', (t) => {
  const samples: Record<string, string> = {
    name: 'n1', data: 'd', listen: '[::1]:1', peerListen: 'h:2', advertise: 'a:3', peerAdvertise: 'b:4', join: 'x:1,y:2',
    awaitMembers: '3', zone: 'z', weight: '2.5', secretFile: 's', engine: 'memory', durability: 'os', n: '5', partitions: '64',
    valueBytes: '2MiB', cacheBytes: '1GiB', hintBytes: '1MiB', freeSpaceFloor: '4096', logLevel: 'debug', stopWithParent: 'true',
    nodes: '5', port: '1234', url: 'http://h:1/', timeout: '10', r: 'one', w: 'all', context: 'abc', showContext: 'true',
    operation: 'op', contentType: 'text/plain', meta: 'a=b', file: 'f', versions: 'true', json: 'true',
    allowReaped: 'true', salvage: 'true', replace: 'n2', wait: 'true', transferRate: '1MiB', transfers: '5',
  } // biome-ignore format: one table
  for (const each of COMMANDS) {
    const operands = each.operands.filter(({ optional }) => !optional).map(({ name }) => name)
    for (const key of each.settings.filter((one) => one !== 'config')) {
      const { flag, shape } = setting(key)
      const sample = samples[key]!
      const inFile = shape === undefined ? sample === 'true' : sample
      const ways = [
        resolved(`${each.name} ${operands.join(' ')} --${flag}${shape === undefined ? '' : `=${sample}`}`),
        resolved(`${each.name} ${operands.join(' ')}`, { [environmentVariable({ flag })]: sample }),
        resolved(`${each.name} ${operands.join(' ')} --config c`, {}, { c: { [key]: inFile } }),
        resolved(`${each.name} ${operands.join(' ')} --config c`, {}, { c: { [flag]: inFile } }),
      ]
      for (const { settings, given } of ways) {
        t.is(JSON.stringify(settings[key]), JSON.stringify(ways[0]!.settings[key]), key)
        const untouched = resolved(`${each.name} ${operands.join(' ')}`).settings
        t.not(JSON.stringify(settings[key]), JSON.stringify(untouched[key]), key)
        t.true(given.has(key))
      }
    }
  }
})

test('settings are frozen', (t) => {
  t.true(Object.isFrozen(resolved('status').settings))
  t.true(Object.isFrozen(nodeConfig(resolved('start --name a --data d'))))
})

test('an empty environment variable counts as none', (t) => {
  t.is(resolved('start', { ROTUNDA_ZONE: '' }).settings.zone, 'default')
})

test('lists are joined over repeated flags and commas; in the file a list is a list', (t) => {
  const expected = [
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
    { host: 'c', port: 3 },
  ]
  t.deepEqual(resolved('start --join a:1,b:2 --join c:3').settings.join, expected)
  t.deepEqual(resolved('start --config c', {}, { c: { join: ['a:1', 'b:2,c:3'] } }).settings.join, expected)
  t.deepEqual(resolved('put b k v --meta a=1 --meta b=x=y').settings.meta, [
    ['a', '1'],
    ['b', 'x=y'],
  ])
})

test('a file may hold keys of other commands, named by flag or environment', (t) => {
  const files = { c: { nodes: 5, url: 'http://h:1', zone: 'z' } }
  t.is(resolved('start --config c', {}, files).settings.zone, 'z')
  t.is(resolved('start', { ROTUNDA_CONFIG: 'c' }, files).settings.zone, 'z')
  t.is(resolved('status --config c', {}, files).settings.url.href, 'http://h:1/')
})

test('an unknown flag', refused, 'start --lisen h:1', /^unknown flag --lisen; .* --listen$/)
test('a flag of another command', refused, 'start --nodes 3', /start takes no --nodes, which belongs to: dev/)
test('a flag twice', refused, 'start --zone a --zone b', /^--zone is given twice$/)
test('a flag without its value', refused, 'start --name', /^--name needs a value/)
test('a flag that would swallow the next', refused, 'start --name --data d', /^--name needs a value/)
test('a bad value names the flag', refused, 'start --weight heavy', /^--weight wants .* not "heavy"$/)
test('a bad value names the variable', refused, 'start', /^ROTUNDA_N wants/, { ROTUNDA_N: '0' })
test('a bad value names key and file', refused, 'start --config c', /^n in c wants/, {}, { c: { n: 16 } })
test(
  'a wrong type in the file',
  refused,
  'start --config c',
  /^n in c wants a string or a number/,
  {},
  { c: { n: true } },
)
test(
  'a word for a switch in the file',
  refused,
  'status --config c',
  /^json in c wants true or false/,
  {},
  { c: { json: 'yes' } },
)
test('null in the file', refused, 'start --config c', /^zone in c wants/, {}, { c: { zone: null } })
test(
  'an unknown key',
  refused,
  'start --config c',
  /unknown key "lisen" in c; .* "listen"$/,
  {},
  { c: { lisen: 'h:1' } },
)
test(
  '__proto__ as a key',
  refused,
  'start --config c',
  /unknown key "__proto__"/,
  {},
  { c: '{"__proto__": {"zone": "z"}}' },
)
test(
  'a key twice',
  refused,
  'start --config c',
  /gives peerListen twice/,
  {},
  { c: { peerListen: 'h:1', 'peer-listen': 'h:2' } },
)
test('the file in the file', refused, 'start --config c', /unknown key "config"/, {}, { c: { config: 'd' } })
test('a file that is no JSON', refused, 'start --config c', /^c is not JSON/, {}, { c: '{"n": 3' })
test('a file that is no object', refused, 'start --config c', /one JSON object/, {}, { c: [] })
test('a file that is not there', refused, 'start --config c', /the file of --config does not exist: c/)
test('a missing operand', refused, 'get b', /get needs KEY; usage: rotunda get BUCKET KEY/)
test('an operand too many', refused, 'get a b c', /get does not know what to do with "c"/)
test('an operand for a command without', refused, 'status now', /status takes no operand/)
test('an operand with a hyphen', refused, 'put b k -5', /unknown flag -5 \(an operand .* after --\)/)

test('what follows -- is an operand', (t) => {
  t.deepEqual(resolved('put b k -- --json').operands, ['b', 'k', '--json'])
})

test('start needs a name and a directory, and two different addresses', (t) => {
  t.throws(() => nodeConfig(resolved('start --data d')), { message: /needs --name/ })
  t.throws(() => nodeConfig(resolved('start --name n')), { message: /needs --data/ })
  t.throws(() => nodeConfig(resolved('start --name n --data d --listen h:1 --peer-listen h:1')), {
    message: /same address/,
  })
})

test('defaults are those of the contract', (t) => {
  const config = nodeConfig(resolved('start --name n --data d'))
  t.deepEqual(config.listen, { host: '127.0.0.1', port: 7400 })
  t.deepEqual(config.peerListen, { host: '127.0.0.1', port: 7500 })
  t.deepEqual(config.advertise, config.listen)
  t.deepEqual(config.peerAdvertise, config.peerListen)
  t.deepEqual([config.durability, config.engine, config.valueBytes], ['fsync', 'rocksdb', 1024 * 1024])
  t.true(config.loopbackOnly)
  t.is(resolved('status').settings.url.href, 'http://127.0.0.1:7400/')
  const { nodes, port, data } = resolved('dev').settings
  t.deepEqual([nodes, port, data], [3, 7400, undefined])
})

test('one address off loopback is off loopback', (t) => {
  const off = (flags: string) => nodeConfig(resolved(`start --name n --data d ${flags}`)).loopbackOnly
  t.false(off('--listen 10.0.0.1:1'))
  t.false(off('--peer-listen 10.0.0.1:1'))
  t.false(off('--peer-listen 0.0.0.0:1 --peer-advertise h:1'))
})

test('what others are told is an address that they can connect to', (t) => {
  for (const flags of ['--advertise 0.0.0.0:1', '--peer-advertise 0.0.0.0:1', '--peer-advertise [::]:1'])
    t.throws(() => nodeConfig(resolved(`start --name n --data d ${flags}`)), {
      instanceOf: UsageError,
      message: /^--(peer-)?advertise is what others connect to/,
    })
})

test('addresses are read as in URLs, and written back alike', (t) => {
  for (const text of ['127.0.0.1:7400', '[::1]:1', 'node-1.example.org:65535', 'localhost:0']) {
    t.is(hostPortText(hostPort(text)), text)
  }
  for (const text of [
    '',
    ':1',
    'h',
    'h:',
    'h:x',
    'h:65536',
    '::1:7400',
    '[h]:1',
    '[::1]',
    'a b:1',
    'h:1:2',
    'http://h:1',
    'h:-1',
  ]) {
    t.throws(() => hostPort(text), { instanceOf: UsageError }, text)
  }
})

test('loopback is what nobody else can reach, whatever it is called', (t) => {
  for (const host of ['127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST'])
    t.true(isLoopback(host), host)
  for (const host of [
    '127.evil.com',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '::2',
    '2001:db8::1',
    'localhost.evil.com',
    '1.127.0.0',
  ]) {
    t.false(isLoopback(host), host)
  }
  for (const host of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0']) t.true(isWildcard(host), host)
  for (const host of ['127.0.0.1', '::1', 'localhost']) t.false(isWildcard(host), host)
})

test('sizes take units', (t) => {
  const size = bytes(0, 1024 ** 4)
  t.deepEqual(['4096', '64KiB', '1MiB', '2 GiB', '7b'].map(size), [4096, 65_536, 1_048_576, 2 * 1024 ** 3, 7])
  for (const text of ['', 'x', '1.5MiB', '-1', '1MB', '2000000GiB'])
    t.throws(() => size(text), { instanceOf: UsageError })
  fc.assert(fc.property(fc.nat(2 ** 31), (value) => size(bytesText(value)) === value))
})

test('whatever the words are, they are understood or refused in one line', (t) => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-', '--name', '--name=', '--json', '--json=maybe', '--join=a', '=', '--='),
  )
  fc.assert(
    fc.property(fc.constantFrom(...COMMANDS), fc.array(word, { maxLength: 6 }), (each, args) => {
      try {
        resolve(each, args, { env: {}, readText: () => '{}' })
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
      }
    }),
    { numRuns: 3_000 },
  )
  t.pass()
})

test('the nearest name: fewest edits, swapped letters count once', (t) => {
  t.is(editDistance('abc', 'acb'), 1)
  t.is(editDistance('', 'abc'), 3)
  t.is(editDistance('kitten', 'sitting'), 3)
  t.is(nearest('strat', ['status', 'start', 'ring']), 'start')
  t.is(nearest('peerlisten', ['listen', 'peer-listen']), 'peer-listen')
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => editDistance(a, b) === editDistance(b, a)))
})

test('help names every command, and every flag of a command with its default', (t) => {
  for (const each of COMMANDS) {
    t.true(overview().includes(each.name))
    const help = commandHelp(each)
    for (const key of each.settings) t.true(help.includes(flagText(key)))
    for (const line of help.split('\n')) t.true([...line].length <= 120, line)
  }
  t.regex(commandHelp(command('start')), /--listen HOST:PORT +Serve clients.*127\.0\.0\.1:7400/)
})

test('every setting belongs to some command', (t) => {
  const taken = new Set(COMMANDS.flatMap(({ settings }) => settings))
  t.deepEqual(
    settingKeys.filter((key) => !taken.has(key)),
    [],
  )
})

test('docs/config.md is what the table says', (t) => {
  const path = fileURLToPath(new URL('../../../docs/config.md', import.meta.url))
  if (process.env.UPDATE_DOCS) writeFileSync(path, configurationPage())
  t.is(
    readFileSync(path, 'utf8'),
    configurationPage(),
    'run: UPDATE_DOCS=1 npx ava dist/test/unit/config.test.js',
  )
})
