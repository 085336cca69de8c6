/** Two clocks, never mixed. Simulated nodes get virtual ones. */
export interface Clock {
  /** Milliseconds since an arbitrary origin. Never jumps, never goes back. For every deadline and interval. */
  monotonicMs(): number
  /** Milliseconds since the Unix epoch, by this machine's wall clock, which may jump. For people only. */
  wallMs(): number
}
