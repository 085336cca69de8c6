/** How far a restore has come, beside the backup: stopped and begun again, it goes on. At its end the file goes. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from './manifest.js'

/** An older one is not gone on with: what was there a day ago may have been lost since, and would not be restored again. */
const LONGEST_MS = 24 * 3_600_000

interface Kept {
  readonly backup: string
  readonly cluster: string
  readonly allowReaped: boolean
  readonly begunMs: number
  /** Ranges that are done, and how many of their keys were left out. */
  readonly done: Readonly<Record<string, number>>
}

export type RestoreOf = Pick<Kept, 'backup' | 'cluster' | 'allowReaped'>

export class RestoreProgress {
  readonly #path: string
  readonly #of: RestoreOf
  readonly #begunMs: number
  readonly #done = new Map<number, number>()
  #saving: Promise<void> = Promise.resolve()
  /** Where nothing can be written beside the backup, the restore goes without. */
  #isKept = true

  private constructor(path: string, of: RestoreOf, kept: Kept | undefined) {
    this.#path = path
    this.#of = of
    this.#begunMs = kept?.begunMs ?? Date.now()
    for (const [range, held] of Object.entries(kept?.done ?? {})) this.#done.set(Number(range), held)
  }

  static async load(directory: string, of: RestoreOf): Promise<RestoreProgress> {
    const path = join(directory, `restore-${of.cluster.slice(0, 16)}.progress`)
    const kept = await readFile(path, 'utf8').then(parsed, () => undefined)
    const isOurs =
      kept?.backup === of.backup &&
      kept.cluster === of.cluster &&
      kept.allowReaped === of.allowReaped &&
      Date.now() - kept.begunMs < LONGEST_MS
    return new RestoreProgress(path, of, isOurs ? kept : undefined)
  }

  get size(): number {
    return this.#done.size
  }

  /** Keys that were left out in this range; undefined: it is not done. */
  heldOf(range: number): number | undefined {
    return this.#done.get(range)
  }

  async done(range: number, held: number): Promise<void> {
    this.#done.set(range, held)
    this.#saving = this.#saving.then(() => this.#save())
    await this.#saving
  }

  async end(): Promise<void> {
    await this.#saving
    await rm(this.#path, { force: true }).catch(() => {})
  }

  async #save(): Promise<void> {
    if (!this.#isKept) return
    const kept: Kept = { ...this.#of, begunMs: this.#begunMs, done: Object.fromEntries(this.#done) }
    await replaceFile(this.#path, JSON.stringify(kept)).catch(() => {
      this.#isKept = false
    })
  }
}

function parsed(text: string): Kept | undefined {
  try {
    return JSON.parse(text) as Kept
  } catch {
    return undefined
  }
}
