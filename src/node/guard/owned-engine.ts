import { limits } from '../../limits.js'
import {
  type BatchOperation,
  type Completion,
  type Engine,
  EngineError,
  type Mended,
  type ScanRange,
  type ScanResult,
} from '../../ports/engine.js'
import type { Scheduler } from '../../ports/scheduler.js'
import type { Turn } from './turn.js'

const LAST_LOOK_MS = 1_000

export interface OwnedEngineParts {
  readonly engine: Engine
  readonly turn: Turn
  readonly scheduler: Scheduler
  /** A close has been under way for `limits.storageCloseMs`. */
  stuck(): void
}

/**
 * The one owner of the engine. A call reaches it only while it is open, and is counted; a close waits for all that is under way.
 * What an engine throws becomes a completion like any other.
 */
export class OwnedEngine {
  readonly #parts: OwnedEngineParts
  readonly #engine: Engine
  readonly #turn: Turn
  #mode: 'closed' | 'reading' | 'writing' = 'closed'
  #underWay = 0
  #whenIdle: (() => void) | undefined

  constructor(parts: OwnedEngineParts) {
    this.#parts = parts
    this.#engine = parts.engine
    this.#turn = parts.turn
  }

  get readable(): boolean {
    return this.#mode !== 'closed'
  }

  get writable(): boolean {
    return this.#mode === 'writing'
  }

  /** Whether opening would leave out writes from the middle; false for an engine that cannot tell. */
  examine(done: (error: EngineError | undefined, hasHole: boolean) => void): void {
    this.#call<boolean>(done, (completion) => {
      if (this.#engine.examine !== undefined) this.#engine.examine(completion)
      else this.#turn.after(() => completion(undefined, false))
    })
  }

  open(done: (error: EngineError | undefined) => void): void {
    this.#call<void>(
      (error) => {
        if (error === undefined) this.#mode = 'writing'
        done(error)
      },
      (completion) => this.#engine.open(completion),
    )
  }

  /** Opens for reading without a byte being written, where the engine can. */
  openReadOnly(done: (error: EngineError | undefined) => void): void {
    this.#call<void>(
      (error) => {
        if (error === undefined) this.#mode = 'reading'
        done(error)
      },
      (completion) => {
        if (this.#engine.openReadOnly !== undefined) this.#engine.openReadOnly(completion)
        else throw new EngineError('unavailable', 'this engine does not open for reading only')
      },
    )
  }

  get canMend(): boolean {
    return this.#engine.mend !== undefined
  }

  /** While closed. */
  mend(done: Completion<Mended>): void {
    this.#call<Mended>(done, (completion) => {
      if (this.#engine.mend !== undefined) this.#engine.mend(completion)
      else throw new EngineError('unavailable', 'this engine cannot be mended')
    })
  }

  /** Nothing reaches the engine from now on. `done` when it is closed; at once, after the turn, if it was. */
  close(done: (error: EngineError | undefined) => void): void {
    if (!this.readable) {
      this.#turn.after(() => done(undefined))
      return
    }
    this.#mode = 'closed'
    const close = () => {
      const cancel = this.#watchClose()
      const closed = (error: EngineError | undefined) => {
        cancel()
        done(error)
      }
      this.#call<void>(closed, (completion) => this.#engine.close(completion))
    }
    if (this.#underWay === 0) close()
    else this.#whenIdle = close
  }

  /** Where the process stood still for long, its first timer comes before what happened meanwhile: so there is another one. */
  #watchClose(): () => void {
    const { scheduler, stuck } = this.#parts
    let cancel = scheduler.after(limits.storageCloseMs - LAST_LOOK_MS, () => {
      cancel = scheduler.after(LAST_LOOK_MS, stuck)
    })
    return () => cancel()
  }

  getMany(keys: readonly Uint8Array[], done: Completion<readonly (Uint8Array | undefined)[]>): void {
    this.#use(this.readable, done, (completion) => this.#engine.getMany(keys, completion))
  }

  batch(operations: readonly BatchOperation[], sync: boolean, done: Completion<void>): void {
    this.#use(this.writable, done, (completion) => this.#engine.batch(operations, sync, completion))
  }

  scan(range: ScanRange, done: Completion<ScanResult>): void {
    this.#use(this.readable, done, (completion) => this.#engine.scan(range, completion))
  }

  #use<T>(allowed: boolean, done: Completion<T>, call: (completion: Completion<T>) => void): void {
    if (!allowed) {
      this.#turn.after(() => done(new EngineError('closed', 'the storage is closed'), undefined as T))
      return
    }
    this.#underWay++
    this.#call<T>((error, result) => {
      this.#underWay--
      done(error, result)
      if (this.#underWay === 0) this.#idle()
    }, call)
  }

  #idle(): void {
    const whenIdle = this.#whenIdle
    this.#whenIdle = undefined
    whenIdle?.()
  }

  #call<T>(done: Completion<T>, call: (completion: Completion<T>) => void): void {
    try {
      call(done)
    } catch (cause) {
      const error =
        cause instanceof EngineError ? cause : new EngineError('unknown', String(cause), { cause })
      this.#turn.after(() => done(error, undefined as T))
    }
  }
}
