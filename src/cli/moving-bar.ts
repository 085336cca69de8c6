/** The bar that a person sees who waits for partitions to move. */
import type { Arrived } from './arrivals.js'
import type { Move, Teller } from './moving.js'
import { bytesText, duration } from './terminal.js'

/** The bar's own scale: bytes are too many for one, and partitions often all arrive at the same time. */
const FULL = 1_000
/** With the longest usual text it fits into 80 columns. */
const CELLS = 16
const EXIT_INTERRUPTED = 130

export async function movingBar(): Promise<Teller> {
  const { SingleBar } = await import('cli-progress')
  const stream = process.stdout
  const shown = new SingleBar({ format: '{bar} {text}', barsize: CELLS, hideCursor: true, stream })
  // It hides the cursor and has long lines cut: a terminal must not be left so.
  const interrupted = () => {
    shown.stop()
    process.exit(EXIT_INTERRUPTED)
  }
  let [total, bytes] = [0, 0]
  return {
    show(move, arrived) {
      const text = barText(move, arrived)
      const value = Math.floor(FULL * shareOf(move, arrived))
      if (total === 0) {
        process.once('SIGINT', interrupted)
        shown.start(FULL, value, { text })
      } else shown.update(value, { text })
      total = move.partitions
      bytes = arrived?.of ?? 0
    },
    end() {
      if (total === 0) return
      process.off('SIGINT', interrupted)
      const size = bytes > 0 ? `, ${bytesText(bytes)}` : ''
      shown.update(FULL, { text: `${total} of ${total} partitions${size}, done` })
      shown.stop()
    },
  }
}

/** In bytes where they are known; never all of it, for the end is when nothing moves any more. */
function shareOf({ partitions, left }: Move, arrived: Arrived | undefined): number {
  const ofPartitions = partitions === 0 ? 0 : (partitions - left) / partitions
  const ofBytes = arrived === undefined || arrived.of === 0 ? 0 : arrived.bytes / arrived.of
  return Math.min(0.99, Math.max(ofPartitions, ofBytes))
}

export function barText(move: Move, arrived: Arrived | undefined): string {
  const { partitions, left, waitsFor } = move
  const head = `${partitions - left} of ${partitions} partitions`
  const away = [...new Set(waitsFor.filter(({ isThere }) => !isThere).map(({ name }) => name))]
  const isKnown = arrived !== undefined && arrived.of > 0
  const bytes = isKnown ? `, ${shorter(bytesText(arrived.bytes), bytesText(arrived.of))}` : ''
  if (away.length === 0) return `${head}${bytes}, ${isKnown ? pace(arrived) : pacePartitions(move)}`
  const more = away.length === 1 ? ', which is away' : ` and ${away.length - 1} more, which are away`
  return `${head}${bytes}; waits for ${away[0]}${more}`
}

/** `1.2 of 3.4 MB`, where both have the same unit. */
function shorter(part: string, whole: string): string {
  const [number, unit] = part.split(' ')
  return whole.endsWith(` ${unit}`) ? `${number} of ${whole}` : `${part} of ${whole}`
}

function pace({ bytes, of, perSecond, leftSeconds }: Arrived): string {
  if (bytes >= 0.99 * of) return 'the last are being confirmed'
  if (leftSeconds === undefined) return 'time left unknown'
  return `${bytesText(perSecond)}/s, ${duration(leftSeconds)} left`
}

function pacePartitions({ perSecond, leftSeconds }: Move): string {
  if (perSecond === null || leftSeconds === null) return 'time left unknown'
  return `${perSecond.toFixed(1)} a second, ${duration(leftSeconds)} left`
}
