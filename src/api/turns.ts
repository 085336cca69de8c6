/**
 * Requests that one connection sends without waiting for answers (pipelining). Their client means them in their order: each begins when
 * those before it have been answered, and only reads go on beside reads (RFC 9112, section 9.3.2).
 */
import { limits } from '../limits.js'

/** One request that takes its turn. */
export interface Turn {
  readonly isRead: boolean
  begin(turns: Turns): void
}

export class Turns {
  #reads = 0
  #others = 0
  #waiting: Turn[] = []

  /** Begins now, or when its turn has come. False where too many wait already: it must be refused. */
  take(turn: Turn): boolean {
    if (this.#waiting.length === 0 && this.#mayBegin(turn.isRead)) {
      this.#count(turn.isRead, 1)
      turn.begin(this)
      return true
    }
    if (this.#waiting.length >= limits.pipelinedRequests) return false
    this.#waiting.push(turn)
    return true
  }

  /** One that had begun has been answered. */
  answered(isRead: boolean): void {
    this.#count(isRead, -1)
    // Later: of a hundred that are answered at once each would begin the next within its own answer.
    if (this.#waiting.length > 0) setImmediate(() => this.#beginNext())
  }

  #beginNext(): void {
    while (this.#waiting.length > 0 && this.#mayBegin(this.#waiting[0]!.isRead)) {
      const turn = this.#waiting.shift()!
      this.#count(turn.isRead, 1)
      turn.begin(this)
    }
  }

  #mayBegin(isRead: boolean): boolean {
    return this.#others === 0 && (isRead || this.#reads === 0)
  }

  #count(isRead: boolean, by: 1 | -1): void {
    if (isRead) this.#reads += by
    else this.#others += by
  }
}
