/** Loaded into a node before anything else: the known bug that its environment names is put into the code. */
import { canaryNamed } from '../sim/canaries/index.js'
import { plant } from '../sim/canary-hooks.js'

export const CANARY_VARIABLE = 'CHAOS_CANARY'

const name = process.env[CANARY_VARIABLE]
if (name !== undefined) plant(canaryNamed(name).patches)
