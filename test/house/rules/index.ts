import type { Finding, Source } from '../repository.js'
import { bannedCalls } from './banned-calls.js'
import { catchUnwind, pureKernel } from './borders.js'
import { deadFiles } from './dead-files.js'
import { directions } from './directions.js'
import { documents } from './documents.js'
import { names, sizes } from './sizes-and-names.js'
import { assertions, leftovers, switchedOff } from './tests-that-test.js'
import { traces } from './traces.js'

/** Every rule of the house: from all sources to what is wrong with them. */
export const RULES: Readonly<Record<string, (sources: readonly Source[]) => Finding[]>> = {
  'imports run one way': directions,
  'banned calls have replacements': bannedCalls,
  'no file is longer than 400 lines': sizes,
  'files are named for what they hold': names,
  'every test file asserts something': assertions,
  'no test is switched off': switchedOff,
  'what is left to do is in an issue': leftovers,
  'no source file is dead': (sources) => deadFiles(sources),
  'documents lead somewhere': documents,
  'no trace of a build machine': traces,
  'no panic crosses into JavaScript': catchUnwind,
  'the kernel is pure': pureKernel,
}
