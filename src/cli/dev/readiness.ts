/** When a development cluster serves: each node is ready and sees all the others up. */
import { ask } from '../ask.js'
import { HOST, type NodePlan } from './plan.js'

/** Short against the time a node takes to start, long against the cost of asking. */
const ASK_EVERY_MS = 40

/** A start that takes longer than this wants a word about what it waits for. */
const WORD_EVERY_MS = 10_000

/** Resolves once every one of these nodes is ready and sees all of them up, or when aborted. Rejects never. */
export async function untilReady(
  plans: readonly NodePlan[],
  signal: AbortSignal,
  stillWaiting: (what: string) => void,
): Promise<void> {
  const names = plans.map(({ name }) => name)
  let waiting = [...plans]
  let nextWordMs = performance.now() + WORD_EVERY_MS
  while (waiting.length > 0 && !signal.aborted) {
    const obstacles = await Promise.all(waiting.map((plan) => obstacle(plan, names)))
    waiting = waiting.filter((_, index) => obstacles[index] !== undefined)
    if (waiting.length === 0) return
    if (performance.now() > nextWordMs) {
      stillWaiting(obstacles.filter((each) => each !== undefined).join('; '))
      nextWordMs = performance.now() + WORD_EVERY_MS
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
  }
}

interface View {
  readonly members: readonly { readonly name: string; readonly status: string; readonly liveness: string }[]
}

/** Why the cluster does not serve yet, as far as this node can tell. */
async function obstacle({ name, port }: NodePlan, names: readonly string[]): Promise<string | undefined> {
  const url = new URL(`http://${HOST}:${port}`)
  try {
    const health = await ask(url, { method: 'GET', path: '/health/ready' })
    if (health.status !== 200) {
      const { reasons = [] } = JSON.parse(health.body.toString()) as { reasons?: string[] }
      return `${name} is not ready${reasons.length === 0 ? '' : ` (${reasons.join(' ')})`}`
    }
    const cluster = await ask(url, { method: 'GET', path: '/v1/cluster' })
    const { members } = JSON.parse(cluster.body.toString()) as View
    const up = members.filter(({ status, liveness }) => status === 'member' && /^(self|up)$/.test(liveness))
    const unseen = names.filter((each) => !up.some((member) => member.name === each))
    return unseen.length === 0 ? undefined : `${name} does not see ${unseen.join(', ')}`
  } catch {
    return `${name} does not answer`
  }
}
