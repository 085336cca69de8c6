/** What becomes of machines: who is dead, whose removal is asked for, and who is no member any more although its disk is full. */
import type { SimHost } from './host.js'

export class Fates {
  readonly #hosts: () => readonly SimHost[]
  readonly #nowMs: () => number
  /** Those that nobody starts any more: buried, or soon to be. */
  readonly #dead = new Set<SimHost>()
  /** Those whose removal or replacement is asked for, dead or not. */
  readonly #condemned = new Set<SimHost>()
  /** When each of those died, or was taken for dead. */
  readonly #sinceMs = new Map<SimHost, number>()
  /** Members that were removed or replaced: what their disks hold means nothing. */
  readonly #buried = new Set<SimHost>()
  /** Those that were ever buried. */
  readonly #died = new Set<SimHost>()
  /** Those that lived when they were taken for dead. */
  readonly #mistaken = new Set<SimHost>()

  /** `hosts`: members, and those that are to be. */
  constructor(hosts: () => readonly SimHost[], nowMs: () => number) {
    this.#hosts = hosts
    this.#nowMs = nowMs
  }

  /** Nobody starts it any more. */
  dies(host: SimHost): void {
    this.#dead.add(host)
    this.#condemned.add(host)
    this.#sinceMs.set(host, this.#nowMs())
  }

  /** It lives, and is going to be removed all the same, by those who do not hear it. */
  takenForDead(host: SimHost): void {
    this.#condemned.add(host)
    this.#mistaken.add(host)
    this.#sinceMs.set(host, this.#nowMs())
  }

  /** It is switched on again, or a newcomer on a directory that is nobody's. */
  rises(host: SimHost): void {
    this.#dead.delete(host)
    this.#condemned.delete(host)
  }

  buried(host: SimHost): void {
    this.#buried.add(host)
    this.#died.add(host)
  }

  /** What is on its disk is its own again. */
  beginsAnew(host: SimHost): void {
    this.#buried.delete(host)
  }

  /** Those that nobody has buried were not dead after all. */
  over(): void {
    this.#dead.clear()
    this.#condemned.clear()
  }

  isDead(host: SimHost): boolean {
    return this.#dead.has(host)
  }

  isCondemned(host: SimHost): boolean {
    return this.#condemned.has(host)
  }

  /** It has had its disaster. */
  hasDied(host: SimHost): boolean {
    return this.#condemned.has(host) || this.#died.has(host)
  }

  /** Since when what its disk holds means nothing; undefined where it means something. */
  goneSinceMs(host: SimHost): number | undefined {
    const isGone = this.#dead.has(host) || this.#buried.has(host) || this.#isReplaced(host)
    return isGone ? (this.#sinceMs.get(host) ?? 0) : undefined
  }

  /** A member that was removed while it lives, and may not have heard of it, answers clients. */
  get someoneMayNotKnow(): boolean {
    return [...this.#mistaken].some((host) => host.state !== 'off')
  }

  /** Its place has gone to another machine, or to nobody, and it has not been switched on since to hear of it. */
  #isReplaced(host: SimHost): boolean {
    if (!this.#sinceMs.has(host)) return false
    return this.#hosts().some((other) => {
      const named = (other === host ? undefined : other.node)
        ?.cluster()
        .members.filter(({ name }) => name === host.name)
      return named !== undefined && named.length > 0 && named.every(({ status }) => status === 'removed')
    })
  }
}
