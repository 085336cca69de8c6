/** Rumours that were heard lately, by their bytes: a state only grows, so hearing one again says nothing. */
import { limits } from '../../limits.js'
import { digest64, digestText } from './table.js'

export class Rumours {
  readonly #names = new Set<string>()

  has(rumour: Uint8Array): boolean {
    return this.#names.has(nameOf(rumour))
  }

  add(rumour: Uint8Array): void {
    this.#names.add(nameOf(rumour))
    const [oldest] = this.#names
    if (this.#names.size > limits.rumoursRemembered && oldest !== undefined) this.#names.delete(oldest)
  }
}

function nameOf(rumour: Uint8Array): string {
  return digestText(digest64(rumour))
}
