/** The end of the process (crates/kernel-napi/src/process.rs). */
import { binding } from './binding.js'

/**
 * Ends the process with this exit code at once, whatever its threads do: nothing is flushed, and no handler is called. `process.exit` waits for calls of the thread pool that are
 * under way, for ever where a disk or a database has stopped.
 */
export function endProcess(code: number): never {
  binding.endProcess(code)
  throw new Error('the process goes on')
}
