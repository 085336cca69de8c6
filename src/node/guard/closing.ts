import type { CommitQueue } from './commit-queue.js'
import type { GuardStats } from './face.js'
import type { OwnedEngine } from './owned-engine.js'
import type { Turn } from './turn.js'
import type { RecordedPosition, WatermarkWriter } from './watermark.js'

/**
 * The stop of a guard whose storage is open: all that waits goes to the disk, then the engine is closed, and last of all the side file says that nothing is
 * missing. A batch that fails on the way counts as a fence, and the stop is not clean.
 */
export interface ClosingPorts {
  readonly commits: CommitQueue
  readonly engine: OwnedEngine
  readonly turn: Turn
  readonly stats: GuardStats
  readonly watermark: WatermarkWriter
  position(): RecordedPosition
}

export function closeStorage(ports: ClosingPorts, closed: () => void): void {
  drain(ports, ports.stats.fences, closed)
}

function drain(ports: ClosingPorts, fences: number, closed: () => void): void {
  const { commits, turn, watermark } = ports
  if (commits.busy) commits.hurry()
  if (commits.inFlight) commits.whenSettled(() => drain(ports, fences, closed))
  else if (commits.busy) turn.after(() => drain(ports, fences, closed))
  else watermark.stop(() => closeEngine(ports, fences, closed))
}

function closeEngine(ports: ClosingPorts, fences: number, closed: () => void): void {
  ports.engine.close((error) => {
    if (error !== undefined || ports.stats.fences > fences) closed()
    else ports.watermark.record(ports.position(), { clean: true }, () => closed())
  })
}
