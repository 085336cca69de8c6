/**
 * The rolling hash over everything that happens, and the story: the lines that a person reads when a seed is replayed. The hash
 * is for comparing two runs of one seed, so it needs to be quick and to notice everything, not to resist anyone.
 */

/** Enough to hold the last virtual seconds of a busy cluster; a longer story helps nobody. */
const STORY_LINES = 4_000

export class Trace {
  #low = 0x811c9dc5
  #high = 0x01000193
  readonly #story: string[] = []
  #storyStart = 0
  readonly #keep: boolean

  /** `keep` also keeps the story's detail lines; the acts (faults, phases, verdicts) are always kept. */
  constructor(keep: boolean) {
    this.#keep = keep
  }

  event(timeMs: number, kind: string): void {
    // Virtual time has sub-millisecond fractions; a nanosecond grid keeps all that matters of it.
    this.#mix((Math.floor(timeMs * 1e6) % 4294967296) | 0)
    this.text(kind)
  }

  text(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.#mix(text.charCodeAt(index))
    this.#mix(text.length)
  }

  bytes(bytes: Uint8Array): void {
    let low = this.#low
    let high = this.#high
    const words = bytes.length & ~3
    for (let at = 0; at < words; at += 4) {
      const [first, second, third, fourth] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
      const word =
        (first as number) | ((second as number) << 8) | ((third as number) << 16) | ((fourth as number) << 24)
      low = Math.imul(low ^ word, 0x01000193) ^ (low >>> 13)
      high = Math.imul(high ^ low, 0x85ebca6b) ^ (low >>> 15)
    }
    for (let at = words; at < bytes.length; at += 1) {
      low = Math.imul(low ^ (bytes[at] as number), 0x01000193)
      high = Math.imul(high ^ low, 0x85ebca6b) ^ (low >>> 15)
    }
    this.#low = low
    this.#high = high
    this.#mix(bytes.length)
  }

  /** A line of the story worth telling always. */
  act(timeMs: number, line: string): void {
    this.text(line)
    this.#append(timeMs, line)
  }

  /** A line that is only kept when the story was asked for. It never enters the hash, so asking changes nothing. */
  detail(timeMs: number, line: () => string): void {
    if (this.#keep) this.#append(timeMs, line())
  }

  get hash(): string {
    const high = (this.#high >>> 0).toString(16).padStart(8, '0')
    const low = (this.#low >>> 0).toString(16).padStart(8, '0')
    return high + low
  }

  get keepsDetails(): boolean {
    return this.#keep
  }

  story(): readonly string[] {
    return this.#story.slice(this.#storyStart)
  }

  #append(timeMs: number, line: string): void {
    this.#story.push(`${(timeMs / 1000).toFixed(6).padStart(11)} s  ${line}`)
    if (this.#story.length - this.#storyStart > STORY_LINES) this.#storyStart += 1
    if (this.#storyStart > STORY_LINES) {
      this.#story.splice(0, this.#storyStart)
      this.#storyStart = 0
    }
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193) ^ (this.#low >>> 13)
    this.#high = Math.imul(this.#high ^ this.#low, 0x85ebca6b) ^ (this.#low >>> 16)
  }
}
