/** Changes of the whole cluster over HTTP, and plans of any change: what is asked of the node, what is answered, what is refused. */
import test from 'ava'
import { HttpEdge } from '../model/http-edge.js'

let edge: HttpEdge
test.before(async () => {
  edge = await HttpEdge.start()
})
test.after.always(() => edge.close())

function asked(): object {
  const { deadlineMs, ...request } = edge.database.changes.at(-1)!
  return { ...request, hasDeadline: Number.isFinite(deadlineMs) }
}

test.serial('a split takes the number of partitions, or none; a change of N takes the number', async (t) => {
  const split = await edge.post('/v1/cluster/split', '{"partitions":1024}')
  t.is(split.status, 200)
  t.deepEqual(split.json, { recorded: true, moving: 0, q: 256, n: 3 })
  t.deepEqual(asked(), { kind: 'split', partitions: 1024, hasDeadline: true })
  t.is((await edge.post('/v1/cluster/split', '{}')).status, 200)
  t.deepEqual(asked(), { kind: 'split', partitions: undefined, hasDeadline: true })
  t.is((await edge.post('/v1/cluster/copies', '{"copies":5}')).status, 200)
  t.deepEqual(asked(), { kind: 'copies', copies: 5, hasDeadline: true })
})

for (const [path, body, about] of [
  ['split', '', /JSON object/],
  ['split', '{"partitions":"8"}', /partitions is a whole number/],
  ['split', '{"partitions":1.5}', /partitions is a whole number/],
  ['split', '{"copies":3}', /not "copies"/],
  ['copies', '{}', /copies is the number N/],
  ['copies', '{"copies":null}', /copies is a whole number/],
] as const)
  test(`${path} does not take ${body === '' ? 'an empty body' : body}`, async (t) => {
    const { status, json } = await edge.post(`/v1/cluster/${path}`, body)
    t.is(status, 400)
    t.regex(json.error.message, about)
  })

test.serial(
  'a plan says what would move, in partitions and bytes, and how the members would be loaded',
  async (t) => {
    const { status, json } = await edge.get('/v1/cluster/plan?change=join&member=n%204&weight=2.5&zone=a')
    t.is(status, 200)
    t.deepEqual(edge.database.plans.at(-1), { kind: 'join', member: 'n 4', weight: 2.5, zone: 'a' })
    t.deepEqual(json, {
      change: 'join',
      q: { before: 256, after: 256 },
      n: { before: 3, after: 3 },
      moving: 0,
      moves: [
        { from: 'n1', to: 'n2', partitions: 3, bytes: 3_500_000 },
        { from: 'n1', to: null, partitions: 2, bytes: null },
      ],
      movedPartitions: 3,
      movedBytes: 3_500_000,
      bytesKnownOf: 256,
      members: [
        { name: 'n1', before: { partitions: 256, due: 256 }, after: { partitions: 253, due: 128 } },
        { name: 'n2', before: null, after: { partitions: 3, due: 128 } },
      ],
    })
    for (const [query, wanted] of [
      ['change=replace&member=n1&by=n9', { kind: 'replace', member: 'n1', by: 'n9' }],
      ['change=zone&member=n1&zone=', { kind: 'zone', member: 'n1', zone: '' }],
      ['change=split', { kind: 'split' }],
      ['change=split&partitions=64', { kind: 'split', partitions: 64 }],
      ['change=copies&copies=5', { kind: 'copies', copies: 5 }],
    ] as const) {
      t.is((await edge.get(`/v1/cluster/plan?${query}`)).status, 200, query)
      t.deepEqual(edge.database.plans.at(-1), wanted)
    }
    t.is((await edge.head('/v1/cluster/plan?change=split')).status, 200)
  },
)

for (const [query, about] of [
  ['', /change says what is planned/],
  ['change=burn', /change/],
  ['change=join', /needs the parameter member/],
  ['change=join&member=', /member is the name/],
  ['change=replace&member=n1', /needs the parameter by/],
  ['change=leave&member=n1&weight=2', /leave takes no parameter weight/],
  ['change=weight&member=n1&weight=heavy', /weight is a number/],
  ['change=weight&member=n1&weight=', /weight is a number/],
  ['change=copies&copies=16', /copies/],
  ['change=leave&member=n1', /The last member cannot go/],
  ['change=leave&member=n1&colour=red', /colour/],
] as const)
  test(`no plan for ${query === '' ? 'nothing' : query}`, async (t) => {
    const { status, json } = await edge.get(`/v1/cluster/plan?${query}`)
    t.is(status, 400)
    t.regex(json.error.message, about)
  })
