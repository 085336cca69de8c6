/** What people are told of partitions on their way to other owners. */
import { ask } from './ask.js'
import { json } from './refusal.js'
import { personReads, printLine } from './terminal.js'

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
  readonly waitsFor: readonly Waiting[]
}

interface Cluster {
  readonly members: readonly { readonly name: string; readonly status: string; readonly address: string }[]
  readonly transfers: number
  readonly move: Move | null
}

/** Members named in one line; of more it is said how many. */
const NAMED = 3
const LOOK_MS = 500
/** Between two lines where no person looks on. */
const LINE_MS = 5_000

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`
}

function pace({ perSecond, leftSeconds }: Move): string {
  if (perSecond === null) return ''
  if (leftSeconds === null) return '; none has arrived lately'
  return `; ${perSecond.toFixed(1)} a second, some ${duration(leftSeconds)} left`
}

/** How far the present change is, and what to do where it stands still. */
export function moveLines(move: Move): string[] {
  const { partitions, left } = move
  return [
    `${left} of ${count(partitions, 'partition')} still on the way to other owners${pace(move)}`,
    ...standstill(move),
  ]
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
  const told = isSilent ? SILENT : personReads() ? await bar() : lines()
  for (;;) {
    const answer = await ask(url, { method: 'GET', path: '/v1/cluster', timeoutMs })
    const { transfers, move } = json<Cluster>(answer, url, ['members', 'transfers'])
    if (transfers === 0 || move == null) return told.end()
    await told.show(move)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
}

interface Teller {
  show(move: Move): void | Promise<void>
  end(): void | Promise<void>
}

const SILENT: Teller = { show() {}, end() {} }

async function bar(): Promise<Teller> {
  const { SingleBar } = await import('cli-progress')
  const shown = new SingleBar({
    format: '{bar} {value} of {total} partitions, {pace}{waits}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
  })
  let total = 0
  return {
    show(move) {
      const { partitions, left, perSecond, leftSeconds } = move
      const away = move.waitsFor.find(({ isThere }) => !isThere)
      const fields = {
        pace:
          perSecond === null || leftSeconds === null
            ? 'time left unknown'
            : `${perSecond.toFixed(1)} a second, ${duration(leftSeconds)} left`,
        waits: away === undefined ? '' : `; waits for ${away.name}, which is away`,
      }
      if (total === 0) shown.start(partitions, partitions - left, fields)
      else if (total !== partitions) shown.setTotal(partitions)
      total = partitions
      shown.update(partitions - left, fields)
    },
    end() {
      if (total === 0) return
      shown.update(total, { pace: 'done', waits: '' })
      shown.stop()
    },
  }
}

function lines(): Teller {
  let toldMs = Number.NEGATIVE_INFINITY
  return {
    async show(move) {
      if (performance.now() - toldMs < LINE_MS) return
      toldMs = performance.now()
      for (const line of moveLines(move)) await printLine(line)
    },
    end: () => printLine('All partitions are where they belong.'),
  }
}
