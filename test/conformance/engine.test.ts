import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryEngine } from '../../src/io/engines/memory.js'
import { RocksdbEngine } from '../../src/io/engines/rocksdb.js'
import { engineSuite } from './engine-suite.js'

engineSuite('memory', () => ({ engine: new MemoryEngine(64 * 1024 * 1024) }))

engineSuite('rocksdb', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rotunda-engine-'))
  return {
    engine: new RocksdbEngine(join(directory, 'db')),
    dispose: () => rm(directory, { recursive: true, force: true }),
  }
})
