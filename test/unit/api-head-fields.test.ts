/** What this edge reads from a head is what Node's own `headers` would say, for each field that it looks at. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import test from 'ava'
import { Head, HeadFields } from '../../src/api/head-fields.js'

/** Heads as Node parsed them. */
async function parsed(
  heads: readonly string[],
): Promise<{ headers: IncomingHttpHeaders; rawHeaders: string[] }[]> {
  const seen: { headers: IncomingHttpHeaders; rawHeaders: string[] }[] = []
  const server = createServer({ requireHostHeader: false }, ({ headers, rawHeaders }, response) => {
    seen.push({ headers, rawHeaders })
    response.end()
  })
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  for (const head of heads) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.end(`GET / HTTP/1.1\r\n${head}\r\n`)
    await new Promise((resolve) => socket.resume().once('close', resolve))
  }
  await new Promise((resolve) => server.close(resolve))
  return seen
}

const NAMES = Object.keys(new HeadFields())

function spellings(name: string): string[] {
  const usual = name.replace(/(^|-)\w/g, (letter) => letter.toUpperCase())
  return [usual, name, name.toUpperCase()]
}

test('each field, in any case, once, twice and not at all, is as in headers', async (t) => {
  const values: Record<string, string> = { 'content-length': '0', 'transfer-encoding': 'chunked' }
  const heads = NAMES.flatMap((name) => {
    const value = values[name] ?? 'one'
    const lines = spellings(name).map((spelling) => `${spelling}: ${value}\r\n`)
    if (name in values) return lines
    return [...lines, `${lines[0]}${name}: two\r\n`, `${name}:\r\n`, `X-${name}: ${value}\r\n`]
  })
  const all = await parsed(heads)
  t.is(all.length, heads.length)
  for (const [index, { headers, rawHeaders }] of all.entries()) {
    const { fields } = new Head(rawHeaders)
    for (const name of NAMES)
      t.is(
        fields[name as keyof HeadFields],
        headers[name] as string | undefined,
        `${name} in ${heads[index]}`,
      )
  }
})

test('what else is asked of a head', (t) => {
  const head = new Head(['Host', 'a', 'hOST', 'b', 'Content-Type', 'x', 'content-type', 'x'])
  t.is(head.hosts, 2)
  t.false(head.hasTwoTypes)
  t.false(head.hasMeta)
  t.is(head.linesBytes, 'Host: a\r\nhOST: b\r\nContent-Type: x\r\ncontent-type: x\r\n'.length)
  t.true(new Head(['Content-Type', '', 'content-type', 'x']).hasTwoTypes)
  for (const name of [
    'Rotunda-Meta-',
    'Rotunda-Meta-A',
    'rotunda-meta-of',
    'ROTUNDA-META-cat',
    'rotunda-meta-mean',
  ])
    t.true(new Head([name, '']).hasMeta, name)
  for (const name of ['Rotunda-Metal', 'Rotunda-Context', 'X-Rotunda-Meta-A'])
    t.false(new Head([name, '']).hasMeta, name)
})
