/** When code runs. The driver asks this port and never a timer, so that a simulated node lives in virtual time. */
export interface Scheduler {
  /** Runs `run` once, when the current turn's inputs have all been taken (production: setImmediate). */
  afterTurn(run: () => void): void
  /** Runs `run` once, `delayMs` from now; the returned function cancels it. Never keeps the process alive. */
  after(delayMs: number, run: () => void): () => void
}
