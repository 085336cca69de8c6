import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setting } from '../config.js'
import { ensureSecret } from '../io/secret.js'
import { VERSION } from '../version.js'
import type { Fault } from './ask.js'
import { prepareDataDirectory } from './data-directory.js'
import { HOST, leftOut, type NodePlan, planNodes } from './dev/plan.js'
import { untilReady } from './dev/readiness.js'
import { Supervisor } from './dev/supervisor.js'
import type { Invocation } from './resolve.js'
import { onParentGone, onStopSignals } from './stop-signal.js'
import { UsageError } from './usage-error.js'

/** `rotunda dev`: a whole cluster on this machine, one process a node, until it is told to stop. */
export async function dev(invocation: Invocation): Promise<number> {
  const { data, nodes, port } = invocation.settings
  if (port + nodes - 1 > 65_535) throw new UsageError(`--port ${port} leaves no room for ${nodes} nodes`)
  const root = data === undefined ? mkdtempSync(join(tmpdir(), 'rotunda-dev-')) : resolve(data)
  try {
    if (data !== undefined) for (const warning of prepareDataDirectory(root)) say(warning)
    return await runCluster(invocation, root)
  } finally {
    if (data === undefined) rmSync(root, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function runCluster(invocation: Invocation, root: string): Promise<number> {
  const { settings } = invocation
  const stopped = new StopOrder()
  const plans = await planNodes({ root, nodes: settings.nodes, firstPort: settings.port })
  const secretFile = ensureSecret(join(root, 'secret'))
  const supervisor = new Supervisor({
    plans,
    flags: (plan) => nodeFlags(plan, plans, secretFile, invocation),
    level: settings.logLevel ?? 'warn',
    say,
  })
  onStopSignals(
    () => stopped.give(),
    () => {
      supervisor.kill()
      if (settings.data === undefined) rmSync(root, { recursive: true, force: true, maxRetries: 3 })
      process.exit(1)
    },
  )
  if (settings.stopWithParent) onParentGone(() => stopped.give())
  supervisor.onFailedStart = (fault) => stopped.give(fault)
  announce(plans, root, settings.data === undefined)
  supervisor.start()
  await Promise.race([
    untilReady(plans, stopped.signal, (what) => say(`Still waiting: ${what}.`)),
    stopped.given,
  ])
  if (!stopped.signal.aborted) {
    supervisor.running()
    celebrate(plans, supervisor)
  }
  const fault = await stopped.given
  if (fault === undefined) say('Stopping.')
  await supervisor.stop()
  if (settings.stopWithParent) process.stdin.destroy()
  if (fault !== undefined) throw fault
  return 0
}

/** The order to stop, from a signal or from a node that could not start. */
class StopOrder {
  readonly #controller = new AbortController()
  readonly signal = this.#controller.signal
  #resolve: (fault: Fault | undefined) => void = () => {}
  /** Resolves with the fault that made stopping necessary, or undefined where someone asked for it. */
  readonly given = new Promise<Fault | undefined>((resolve) => {
    this.#resolve = resolve
  })

  give(fault?: Fault): void {
    this.#resolve(fault)
    this.#controller.abort()
  }
}

/** Only the very first node of a new directory begins a cluster; all others, and all later starts, look for the rest. */
function nodeFlags(
  plan: NodePlan,
  plans: readonly NodePlan[],
  secretFile: string,
  { settings, given }: Invocation,
): string[] {
  const others = plans.filter((each) => each !== plan).map(({ peerPort }) => `${HOST}:${peerPort}`)
  const isNew = plans.every(({ hasHistory }) => !hasHistory)
  const begins = plan === plans[0] && isNew
  const passedOn = (['engine', 'durability', 'n', 'partitions', 'valueBytes'] as const).filter((key) =>
    given.has(key),
  )
  const flags: [string, string][] = [
    ['name', plan.name],
    ['data', plan.directory],
    ['listen', `${HOST}:${plan.port}`],
    ['peer-listen', `${HOST}:${plan.peerPort}`],
    ['secret-file', secretFile],
    ['log-level', settings.logLevel === 'debug' ? 'debug' : 'info'],
    ...(begins ? [] : others.map((other): [string, string] => ['join', other])),
    // A write that came before all have joined would keep the others out.
    ...(isNew ? [['await-members', String(plans.length)] as [string, string]] : []),
    ...passedOn.map((key): [string, string] => [setting(key).flag, String(settings[key])]),
  ]
  return flags.map(([flag, value]) => `--${flag}=${value}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`, () => {})
}

function announce(plans: readonly NodePlan[], root: string, temporary: boolean): void {
  const where = temporary ? `${root}, removed at the end` : root
  say(
    `Rotunda ${VERSION}: ${plans.length} ${plans.length === 1 ? 'node' : 'nodes'} on this machine, data in ${where}`,
  )
  const absent = leftOut(root, plans.length)
  if (absent.length > 0)
    say(`Members of this directory that are not started, and count as down: ${absent.join(', ')}`)
}

function celebrate(plans: readonly NodePlan[], supervisor: Supervisor): void {
  for (const plan of plans) say(`  ${plan.name}  http://${HOST}:${plan.port}  pid ${supervisor.pid(plan)}`)
  const tookSeconds = (performance.now() / 1000).toFixed(1)
  say(`Ready to serve after ${tookSeconds} s. Ctrl-C stops it. Try:`)
  const [first, last] = [plans[0]!, plans.at(-1)!]
  say(`  curl -X PUT --data-binary 'hello' http://${HOST}:${first.port}/v1/kv/demo/greeting`)
  say(`  curl http://${HOST}:${last.port}/v1/kv/demo/greeting`)
}
