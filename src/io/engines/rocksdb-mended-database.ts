import { type BatchOperation, type Completion, type Engine, EngineError } from '../../ports/engine.js'

type Calls = Pick<Engine, 'getMany' | 'batch' | 'close'>

/** A database that is open for its mending alone. */
export class MendedDatabase {
  readonly #engine: Calls

  constructor(engine: Calls) {
    this.#engine = engine
  }

  /** One slot for each key: `damaged` where what is in force cannot be read. A look-up for many fails as a whole: then each is asked for alone. */
  async getMany(keys: readonly Buffer[]): Promise<readonly (Uint8Array | undefined | 'damaged')[]> {
    try {
      return await asked((done) => this.#engine.getMany(keys, done))
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'corrupt') throw error
      if (keys.length === 1) return ['damaged']
      const found: (Uint8Array | undefined | 'damaged')[] = []
      for (const key of keys) found.push(...(await this.getMany([key])))
      return found
    }
  }

  batch(operations: readonly BatchOperation[]): Promise<void> {
    return asked((done) => this.#engine.batch(operations, true, done))
  }

  close(): Promise<void> {
    return asked((done) => this.#engine.close(done))
  }
}

export function asked<T>(call: (done: Completion<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error === undefined ? resolve(result) : reject(error)))
  })
}
