/** Keys of a bucket of their own, each put once and deleted at once: tombstones to be reaped. */
import { keyName, writePut } from '../load/requests.js'
import type { Answer } from '../load/response.js'
import type { Values } from '../load/values.js'
import type { Turn, Workload } from '../load/workload.js'

const BUCKET = 'gone'

export class DeletingWorkload implements Workload {
  readonly #keys: number
  readonly #values: Values
  #next = 0
  /** Put, and not yet deleted. */
  readonly #there: number[] = []

  constructor(keys: number, values: Values) {
    this.#keys = keys
    this.#values = values
  }

  next(turn: Turn): number {
    const key = this.#there.pop()
    if (key === undefined && this.#next === this.#keys) return 0
    turn.key = key ?? this.#next++
    turn.writing = key === undefined
    if (turn.writing)
      return writePut(
        turn.out,
        turn.host,
        { bucket: BUCKET, key: turn.key, version: 1, context: '' },
        this.#values,
      )
    const request = `DELETE /v1/kv/${BUCKET}/${keyName(turn.key)} HTTP/1.1\r\nHost: ${turn.host}\r\n\r\n`
    return turn.out.write(request, 0, 'latin1')
  }

  check({ key, writing }: Turn, answer: Answer): string | undefined {
    if (answer.status !== 204) return `${writing ? 'put' : 'delete'}: ${answer.status}`
    if (writing) this.#there.push(key)
    return undefined
  }
}
