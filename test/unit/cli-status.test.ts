/** What `rotunda status` says of builds that differ, and of nodes that are refused. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import { rotunda } from '../cluster/run.js'

const member = {
  ...{ id: 'a', name: 'n1', address: '127.0.0.1:7400', peerAddress: '127.0.0.1:7500', zone: '', weight: 1 },
  ...{ status: 'member', liveness: 'self', incomplete: false, speaks: { wire: [1, 2], storage: [1, 1] } },
}
/** Of a build that does not say yet what it speaks. */
const { speaks: _, ...older } = { ...member, id: 'b', name: 'n2', liveness: 'up' }
const pages: Record<string, unknown> = {
  '/v1/cluster': {
    ...{ clusterId: 'c', self: 'a', n: 2, r: 2, w: 2, q: 1, ringDigest: 'd', pendingHints: 0, tombstones: 0 },
    ...{ reapingStoppedBy: [], transfers: 0, toHandOver: 0, move: null, members: [member, older] },
    versions: { wire: 1, storage: 1 },
    refused: [{ reason: 'n9 speaks wire version 7 and n1 1 to 2: n9 is too new for n1' }],
  },
  '/v1/cluster/ring': { q: 1, n: 2, ringDigest: 'd', members: [member, older], partitions: [[0, 1]] },
}

test('status: the versions in use, who keeps all from a higher one, and who was refused', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' })
    response.end(JSON.stringify(pages[request.url ?? '']))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const status = await rotunda([
    'status',
    '--url',
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  ])
  t.deepEqual(status.stdout.toString().split('\n').slice(0, 4), [
    '2 members as n1 sees them; N 2, R 2, W 2, 1 partitions, wire 1, storage 1',
    'wire version 2 waits for n2, who speaks 1 at most',
    'refused: n9 speaks wire version 7 and n1 1 to 2: n9 is too new for n1',
    '',
  ])
})
