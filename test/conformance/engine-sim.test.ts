import { SimDisk } from '../sim/disk.js'
import { SimEngine } from '../sim/engine.js'
import { Prng } from '../sim/prng.js'
import { SimProcess } from '../sim/process.js'
import { Timeline } from '../sim/timeline.js'
import { Trace } from '../sim/trace.js'
import { engineSuite } from './engine-suite.js'

/** The simulated engine keeps the same contract as the real ones; in virtual time, one event a turn. */
engineSuite(
  'sim',
  () => {
    const prng = new Prng('engine conformance')
    const timeline = new Timeline(prng.split('timeline'), new Trace(false))
    const fail = (reason: unknown): never => {
      throw new Error(String(reason))
    }
    const process = new SimProcess('n1', timeline, { uncaught: fail, crashed: fail })
    const engine = new SimEngine(process, new SimDisk(), prng.split('disk'), { written: () => {} })
    let running = true
    const flow = (): void => {
      timeline.step()
      if (running) setImmediate(flow)
    }
    flow()
    const dispose = (): Promise<void> => {
      running = false
      return Promise.resolve()
    }
    return { engine, dispose }
  },
  { deadlyWhenClosed: true },
)
