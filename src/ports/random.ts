/** The one source of random numbers. In production it is cryptographic; in simulation one seeded stream for each use. */
export interface Random {
  /** A uniform integer in 0 … bound − 1; `bound` is 1 … 2^32. */
  below(bound: number): number
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}
