/** Signals that ask this process to stop: SIGTERM, Ctrl-C, and a terminal that was closed. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** One Ctrl-C under npm arrives twice, from the terminal and from npm. Nobody presses it twice as fast. */
const SAME_PRESS_MS = 300

/** Calls `stop` at the first signal, `atOnce` at every later one. */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void, atOnce: () => void): void {
  let first: NodeJS.Signals | undefined
  let firstAtMs = 0
  const heard = (signal: NodeJS.Signals) => {
    if (first === undefined) {
      first = signal
      firstAtMs = performance.now()
      stop(signal)
    } else if (signal !== first || performance.now() - firstAtMs > SAME_PRESS_MS) atOnce()
  }
  for (const signal of SIGNALS) process.on(signal, heard)
}

/** Calls `stop` when the process that started this one is gone: its end of our standard input is then closed. */
export function onParentGone(stop: () => void): void {
  process.stdin.on('end', stop)
  process.stdin.on('error', stop)
  process.stdin.resume()
}
