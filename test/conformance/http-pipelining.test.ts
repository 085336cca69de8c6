/** Requests that a client sends one behind the other without waiting: carried out in their order, answered in their order. */
import test from 'ava'
import { limits } from '../../src/limits.js'
import { HttpEdge } from '../model/http-edge.js'

const HEAD = 'HTTP/1.1\r\nHost: localhost\r\n'
const put = (key: string, value: string): string =>
  `PUT /v1/kv/b/${key} ${HEAD}Content-Length: ${value.length}\r\n\r\n${value}`
const get = (key: string): string => `GET /v1/kv/b/${key} ${HEAD}\r\n`

/** Status and body of each answer, in their order. */
function answersIn(received: string): string[] {
  return received
    .split(/(?=HTTP\/1\.1 \d)/)
    .filter((answer) => answer !== '')
    .map((answer) => `${answer.slice(9, 12)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`.trim())
}

async function answers(edge: HttpEdge, requests: string, count: number): Promise<string[]> {
  const connection = await edge.connect()
  connection.write(requests)
  await connection.until((received) => answersIn(received).length >= count && /\r\n\r\n/.test(received))
  connection.destroy()
  return answersIn(connection.received)
}

async function turn(times = 20): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('what a write has written, the read behind it shows; and the read before it does not', async (t) => {
  const edge = await HttpEdge.during(t)
  const received = await answers(edge, get('k') + put('k', 'v') + get('k') + get('k'), 4)
  t.deepEqual(
    received.map((answer) => answer.slice(0, 5)),
    ['404 {', '204', '200 v', '200 v'],
  )
})

test('a write waits for all that came before it, and what comes after waits for it; reads go on beside reads', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.paused = true
  const connection = await edge.connect()
  connection.write(get('a') + get('b') + put('c', 'v') + get('d') + get('e') + put('f', 'v'))
  await turn()
  t.is(edge.database.waiting, 2, 'both reads')
  const step = async (expected: number): Promise<void> => {
    edge.database.resume()
    edge.database.paused = true
    await turn()
    t.is(edge.database.waiting, expected)
  }
  await step(1)
  await step(2)
  await step(1)
  await step(0)
  t.is(answersIn(connection.received).length, 6)
  t.deepEqual(
    edge.database.seen.map((request) => ('key' in request ? Buffer.from(request.key).toString() : '')),
    ['a', 'b', 'c', 'd', 'e', 'f'],
  )
})

test('on other connections nobody waits', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.paused = true
  const [one, two] = [await edge.connect(), await edge.connect()]
  one.write(put('a', 'v'))
  two.write(get('a'))
  await turn()
  t.is(edge.database.waiting, 2)
})

test('more than may wait are refused, and the others answered', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.paused = true
  const connection = await edge.connect()
  const beyond = 20
  const all = 1 + limits.pipelinedRequests + beyond
  connection.write(put('k', 'v').repeat(all))
  await turn(200)
  t.is(edge.database.waiting, 1)
  edge.database.paused = false
  edge.database.resume()
  await connection.until((received) => answersIn(received).length === all)
  const statuses = answersIn(connection.received).map((answer) => answer.slice(0, 3))
  t.is(statuses.filter((status) => status === '503').length, beyond)
  t.deepEqual(new Set(statuses.slice(-beyond)), new Set(['503']))
})

test('a connection that ends leaves what waited on it undone', async (t) => {
  const edge = await HttpEdge.during(t)
  edge.database.paused = true
  const connection = await edge.connect()
  connection.write(put('a', 'v') + put('b', 'v'))
  await turn()
  connection.destroy()
  await turn()
  edge.database.resume()
  await turn()
  t.is(edge.database.seen.length, 1)
  t.is((await edge.get('/v1/kv/b/b')).status, 404)
})
