/** How far a backup or a restore has come, on standard error, where a person looks at it. */
import { SingleBar } from 'cli-progress'

export class Bar {
  readonly #bar: SingleBar
  #rows = 0
  #bytes = 0

  constructor(title: string, total: number) {
    const format = `${title} [{bar}] {percentage} %, {rows} keys, {size}, {eta_formatted} left`
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true })
    this.#bar.start(total, 0, this.#shown)
  }

  read(rows: number, bytes: number): void {
    this.#rows += rows
    this.#bytes += bytes
    this.#bar.update(this.#shown)
  }

  /** One range is done. */
  step(): void {
    this.#bar.increment(1, this.#shown)
  }

  stop(): void {
    this.#bar.stop()
  }

  get #shown(): { rows: string; size: string } {
    return { rows: count(this.#rows), size: size(this.#bytes) }
  }
}

/** 1234567 as 1,234,567. */
export function count(number: number): string {
  return number.toLocaleString('en-US')
}

export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let amount = bytes
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`
}
