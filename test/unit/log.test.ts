import test from 'ava'
import { type LogOptions, makeLog } from '../../src/io/log.js'
import { readableLine } from '../../src/io/readable-line.js'

function logged(options: Partial<LogOptions>, use: (log: ReturnType<typeof makeLog>) => void): string[] {
  const lines: string[] = []
  const sink = { write: (line: string) => lines.push(line) }
  use(makeLog({ level: 'info', node: 'n1', readable: false, ...options }, sink))
  return lines
}

test('a line is one JSON object with time, level, node, event and its fields', (t) => {
  const [line] = logged({}, (log) => log.warn('peer-down', { peer: 'n2', afterMs: 5 }))
  t.regex(line!, /^\{[^\n]*\}\n$/)
  const { time, ...rest } = JSON.parse(line!)
  t.deepEqual(rest, { level: 'warn', node: 'n1', event: 'peer-down', peer: 'n2', afterMs: 5 })
  t.false(Number.isNaN(Date.parse(time)))
})

test('lines below the level are not written', (t) => {
  const events = (level: LogOptions['level']) =>
    logged({ level }, (log) => {
      log.debug('a')
      log.info('b')
      log.warn('c')
      log.error('d')
    }).map((line) => JSON.parse(line).event)
  t.deepEqual(events('debug'), ['a', 'b', 'c', 'd'])
  t.deepEqual(events('info'), ['b', 'c', 'd'])
  t.deepEqual(events('error'), ['d'])
})

test('an error keeps its message and stack', (t) => {
  const [line] = logged({}, (log) => log.error('uncaught', { error: new TypeError('no such thing') }))
  const { error } = JSON.parse(line!)
  t.is(error.message, 'no such thing')
  t.regex(error.stack, /TypeError: no such thing\n +at /)
})

const hostile = { key: 'a\r\n{"level":"error","event":"forged"}\u001b[31m' }

test('a hostile text cannot begin a line of its own', (t) => {
  for (const readable of [false, true]) {
    const [line, ...more] = logged({ readable }, (log) => log.info('put', hostile))
    t.deepEqual(more, [])
    t.is(line!.match(/[\r\n]/g)!.length, 1)
    t.false(line!.includes('\u001b'))
  }
})

test('a readable line: time, level, node, event, then fields, quoted where they need it', (t) => {
  const line =
    '{"level":"info","time":"2026-01-02T03:04:05.678Z","node":"n1","event":"ready","url":"http://127.0.0.1:7400","why":"two words","list":[1]}'
  t.is(readableLine(line), '03:04:05.678 info  n1 ready url=http://127.0.0.1:7400 why="two words" list=[1]\n')
})
