import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Fault } from '../../src/cli/ask.js'
import { prepareDataDirectory } from '../../src/cli/data-directory.js'
import { leftOut, planNodes } from '../../src/cli/dev/plan.js'
import { freePorts } from '../cluster/free-ports.js'

const root = mkdtempSync(join(tmpdir(), 'rotunda-plan-'))
test.after.always(() => rmSync(root, { recursive: true, force: true }))
const onPosix = process.platform === 'win32' ? test.skip : test
let directories = 0

function freshDirectory(): string {
  const path = join(root, `${directories++}`)
  mkdirSync(path)
  return path
}

async function occupied(port: number): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}

test.serial('ports for clients are those asked for; ports between nodes lie 100 above', async (t) => {
  const [firstPort] = (await freePorts(1)) as [number]
  const plans = await planNodes({ root: freshDirectory(), nodes: 2, firstPort })
  t.deepEqual(
    plans.map(({ name, port }) => [name, port]),
    [
      ['n1', firstPort],
      ['n2', firstPort + 1],
    ],
  )
  t.true(plans[0]!.peerPort >= firstPort + 100)
  t.is(new Set(plans.flatMap(({ port, peerPort }) => [port, peerPort])).size, 4)
})

test.serial(
  'a taken port for clients is a fault that names it; a taken one between nodes is passed over',
  async (t) => {
    const [firstPort] = (await freePorts(1)) as [number]
    const between = await occupied(firstPort + 100)
    const [plan] = await planNodes({ root: freshDirectory(), nodes: 1, firstPort })
    t.true(plan!.peerPort > firstPort + 100)
    between.close()
    const forClients = await occupied(firstPort + 1)
    await t.throwsAsync(planNodes({ root: freshDirectory(), nodes: 2, firstPort }), {
      instanceOf: Fault,
      message: new RegExp(`port ${firstPort + 1} .* for n2, is taken: .*--port`),
    })
    forClients.close()
  },
)

test.serial('the same directory gives the same ports between nodes, and knows its nodes', async (t) => {
  const [before, later] = (await freePorts(2)) as [number, number]
  const here = freshDirectory()
  const first = await planNodes({ root: here, nodes: 2, firstPort: before })
  t.deepEqual(
    first.map(({ hasHistory }) => hasHistory),
    [false, false],
  )
  mkdirSync(join(here, 'n1'))
  mkdirSync(join(here, 'n2'))
  const second = await planNodes({ root: here, nodes: 1, firstPort: later })
  t.is(second[0]!.peerPort, first[0]!.peerPort)
  t.true(second[0]!.hasHistory)
  t.deepEqual(leftOut(here, 1), ['n2'])
  t.deepEqual(leftOut(here, 2), [])
})

test.serial('what was remembered may be damaged', async (t) => {
  const [firstPort] = (await freePorts(1)) as [number]
  const here = freshDirectory()
  for (const content of ['', '{', '[]', '{"peerPorts":["x",-1,70000]}']) {
    writeFileSync(join(here, 'dev.json'), content)
    t.is((await planNodes({ root: here, nodes: 1, firstPort })).length, 1)
  }
})

onPosix('a data directory is made for this user alone, and not through a link', (t) => {
  const here = freshDirectory()
  const path = join(here, 'a', 'b')
  t.deepEqual(prepareDataDirectory(path), [])
  t.is(statSync(path).mode & 0o777, 0o700)
  t.deepEqual(prepareDataDirectory(path), [])
  symlinkSync(path, join(here, 'link'))
  t.throws(() => prepareDataDirectory(join(here, 'link')), { instanceOf: Fault, message: /symbolic link/ })
  symlinkSync(join(here, 'nowhere'), join(here, 'dangling'))
  t.throws(() => prepareDataDirectory(join(here, 'dangling')), { instanceOf: Fault })
  writeFileSync(join(here, 'file'), '')
  t.throws(() => prepareDataDirectory(join(here, 'file')), { message: /a file is in its place/ })
  t.throws(() => prepareDataDirectory(join(here, 'file', 'below')), { message: /a file is in its place/ })
})

onPosix('a directory that others may look into is used, with a warning', (t) => {
  const here = freshDirectory()
  const path = join(here, 'open')
  mkdirSync(path, { mode: 0o755 })
  t.regex(prepareDataDirectory(path)[0]!, /other users may look into .* chmod 700/)
})
