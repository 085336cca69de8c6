/**
 * TypeScript with everything that is not code blanked out: comments, and what stands between quotes, become spaces of the
 * same length, so that a pattern searched in the result never hits a comment or a message, and an offset in it is an offset in the
 * source. Quotes and backticks stay. A small hand-written lexer, because a word like `Promise` in a sentence must not fail a rule.
 */
export function blanked(source: string): string {
  return new Blanker(source).run()
}

/** Words after which a slash begins a regular expression and not a division. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/

class Blanker {
  readonly #source: string
  #out = ''
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  run(): string {
    this.#code(false)
    return this.#out
  }

  /** Copies code up to the end, or up to the brace that closes a template's hole. */
  #code(inHole: boolean): void {
    let depth = 0
    while (this.#at < this.#source.length) {
      const char = this.#source[this.#at]!
      if (inHole && char === '}' && depth === 0) return
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      this.#piece(char)
    }
  }

  #piece(char: string): void {
    const two = this.#source.slice(this.#at, this.#at + 2)
    if (two === '//') return this.#blankTo(this.#indexOf('\n', this.#at))
    if (two === '/*') return this.#blankTo(this.#indexOf('*/', this.#at + 2) + 2)
    if (char === "'" || char === '"') return this.#quoted(char)
    if (char === '`') return this.#template()
    if (char === '/' && this.#regexMayBegin()) return this.#regex()
    this.#copy()
  }

  #copy(): void {
    this.#out += this.#source[this.#at]
    this.#at += 1
  }

  #indexOf(what: string, from: number): number {
    const found = this.#source.indexOf(what, from)
    return found < 0 ? this.#source.length : found
  }

  #blankTo(end: number): void {
    const stop = Math.min(end, this.#source.length)
    this.#out += this.#source.slice(this.#at, stop).replace(/[^\n]/g, ' ')
    this.#at = stop
  }

  #quoted(quote: string): void {
    this.#copy()
    let end = this.#at
    while (end < this.#source.length && this.#source[end] !== quote && this.#source[end] !== '\n') {
      end += this.#source[end] === '\\' ? 2 : 1
    }
    this.#blankTo(end)
    if (this.#source[this.#at] === quote) this.#copy()
  }

  #template(): void {
    this.#copy()
    while (this.#at < this.#source.length && this.#source[this.#at] !== '`') {
      if (this.#source[this.#at] === '\\') this.#blankTo(this.#at + 2)
      else if (this.#source.startsWith('${', this.#at)) this.#hole()
      else this.#blankTo(this.#at + 1)
    }
    if (this.#at < this.#source.length) this.#copy()
  }

  #hole(): void {
    this.#copy()
    this.#copy()
    this.#code(true)
    if (this.#at < this.#source.length) this.#copy()
  }

  #regexMayBegin(): boolean {
    const before = this.#out.trimEnd()
    return before === '' || /[(,=:[!&|?{};+\-*%<>~^]$/.test(before) || BEFORE_REGEX.test(before)
  }

  #regex(): void {
    this.#copy()
    let end = this.#at
    let inClass = false
    while (end < this.#source.length && this.#source[end] !== '\n') {
      const char = this.#source[end]
      if (char === '/' && !inClass) break
      if (char === '[') inClass = true
      if (char === ']') inClass = false
      end += char === '\\' ? 2 : 1
    }
    this.#blankTo(end)
    if (this.#source[this.#at] === '/') this.#copy()
  }
}
