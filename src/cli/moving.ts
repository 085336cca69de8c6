/** What people are told of partitions on their way to other owners. */
import { Arrivals, type Arrived, type AskedCluster, bytesAwaited } from './arrivals.js'
import { ask } from './ask.js'
import { movingBar } from './moving-bar.js'
import { json } from './refusal.js'
import { bytesText, duration, personReads, printLine } from './terminal.js'

interface Waiting {
  readonly name: string
  readonly task: 'hand-over' | 'let-go' | 'receive'
  readonly partitions: number
  readonly isThere: boolean
}

/** As `GET /v1/cluster` tells it. */
export interface Move {
  readonly partitions: number
  readonly left: number
  readonly perSecond: number | null
  readonly leftSeconds: number | null
  readonly rowsSent: number
  /** Nodes of earlier builds say nothing of bytes. */
  readonly bytesSent?: number
  readonly bytesMoving?: number | null
  readonly bytesArrived?: number
  readonly waitsFor: readonly Waiting[]
}

interface Cluster extends AskedCluster {
  readonly transfers: number
  readonly move: Move | null
}

/** Members named in one line; of more it is said how many. */
const NAMED = 3
const LOOK_MS = 500
/** Between two lines where no person looks on. */
const LINE_MS = 5_000

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** What has still to arrive, where all members were asked; else how much it is as a whole. */
function size({ bytesMoving }: Move, arrived: Arrived | undefined): string {
  const bytes = arrived === undefined ? bytesMoving : arrived.of - arrived.bytes
  return bytes == null ? '' : `, about ${bytesText(bytes)}`
}

function pace({ perSecond, leftSeconds }: Move, arrived: Arrived | undefined): string {
  if (arrived?.leftSeconds !== undefined)
    return `; ${bytesText(arrived.perSecond)} a second, some ${duration(arrived.leftSeconds)} left`
  if (perSecond === null) return ''
  if (leftSeconds === null) return '; none has arrived as a whole lately'
  return `; ${perSecond.toFixed(1)} a second, some ${duration(leftSeconds)} left`
}

/** How far the present change is, and what to do where it stands still. */
export function moveLines(move: Move, arrived?: Arrived): string[] {
  const { partitions, left } = move
  const head = `${left} of ${count(partitions, 'partition')} still on the way to other owners`
  return [`${head}${size(move, arrived)}${pace(move, arrived)}`, ...standstill(move)]
}

/** One line for each member that is away and has something to do first. */
function standstill({ waitsFor }: Move): string[] {
  const away = waitsFor.filter(({ isThere }) => !isThere)
  const lines = away.slice(0, NAMED).map(({ name, task, partitions }) => {
    const what = `${count(partitions, 'partition')} wait${partitions === 1 ? 's' : ''} for ${name}, which cannot be reached`
    return task === 'receive'
      ? `${what}: start it; or take it out with "rotunda remove ${name}"`
      : `${what} and has to hand over: start it; if it is dead, "rotunda remove ${name}" or replace it`
  })
  return away.length > NAMED ? [...lines, `… and for ${away.length - NAMED} more`] : lines
}

/** Waits until no partition moves, as the node at `url` sees it, and tells how far it is. */
export async function untilMoved(url: URL, timeoutMs: number | undefined, isSilent: boolean): Promise<void> {
  const told = isSilent ? SILENT : personReads() ? await movingBar() : lines()
  const arrivals = new Arrivals()
  for (;;) {
    const answer = await ask(url, { method: 'GET', path: '/v1/cluster', timeoutMs })
    const cluster = json<Cluster>(answer, url, ['members', 'transfers'])
    const { transfers, move } = cluster
    if (transfers === 0 || move == null) return told.end()
    if (!isSilent) arrivals.look(performance.now(), await bytesAwaited(url, cluster))
    await told.show(move, arrivals.arrived)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

export interface Teller {
  show(move: Move, arrived: Arrived | undefined): void | Promise<void>
  end(): void | Promise<void>
}

const SILENT: Teller = { show() {}, end() {} }

function lines(): Teller {
  let toldMs = Number.NEGATIVE_INFINITY
  return {
    async show(move, arrived) {
      if (performance.now() - toldMs < LINE_MS) return
      toldMs = performance.now()
      for (const line of moveLines(move, arrived)) await printLine(line)
    },
    end: () => printLine('All partitions are where they belong.'),
  }
}
