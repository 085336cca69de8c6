import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Collects the garbage of this process now, so that the clients in it do not stand still while something is measured. */
export function collectGarbage(): void {
  gc()
}
