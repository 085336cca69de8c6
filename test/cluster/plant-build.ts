/** Loaded into a node before anything else: its code becomes that of the build that its environment names. */
import { plant } from '../sim/canary-hooks.js'
import { BUILD_VARIABLE, BUILDS } from './builds.js'

const patches = BUILDS[process.env[BUILD_VARIABLE] ?? '']
if (patches === undefined) throw new Error(`there is no build ${process.env[BUILD_VARIABLE]}`)
plant(patches)
