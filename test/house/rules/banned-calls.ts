import { blanked } from '../blank.js'
import { type Finding, lineAt, type Source } from '../repository.js'

interface Ban {
  readonly call: RegExp
  /** What to write instead. */
  readonly instead: string
  readonly where: (path: string) => boolean
}

const within =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(folder))

/** Steps and codecs: the same input must give the same output, in production and in the simulator. */
const PURE = within('src/protocol/', 'src/wire/', 'src/kernel/')
/** What the simulator runs: it may use the ports, and nothing beside them. */
const SIMULATED = within(
  'src/protocol/',
  'src/wire/',
  'src/kernel/',
  'src/node/',
  'src/limits.ts',
  'src/errors.ts',
)
const SHIPPED = within('src/')
/** Only io makes ports real; cli and main are the process itself. */
const INSIDE = (path: string) => SHIPPED(path) && !within('src/io/', 'src/cli/', 'src/main.ts')(path)

export const BANS: readonly Ban[] = [
  {
    call: /\bDate\.now\b/g,
    instead: 'the port Clock (monotonicMs for deadlines, wallMs for people)',
    where: INSIDE,
  },
  { call: /\bnew Date\(\s*\)/g, instead: 'the port Clock (wallMs)', where: INSIDE },
  { call: /\bperformance\b|\bhrtime\b/g, instead: 'the port Clock (monotonicMs)', where: INSIDE },
  {
    call: /\bMath\.random\b|\brandom(Bytes|UUID|Int|FillSync)\b/g,
    instead: 'the port Random',
    where: INSIDE,
  },
  {
    call: /\b(set|clear)(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bnextTick\b/g,
    instead: 'the port Scheduler, or tick(now) of a machine',
    where: SIMULATED,
  },
  {
    call: /\bPromise\b|\basync\b|\bawait\b/g,
    instead: 'an effect, and its result as an input with an id',
    where: within('src/protocol/', 'src/wire/', 'src/kernel/', 'src/ports/'),
  },
  { call: /\bprocess\s*\.|\bglobalThis\b/g, instead: 'an argument, given by main', where: SIMULATED },
  {
    call: /\bprocess\s*\.\s*(exit|abort|kill)\b/g,
    instead: 'an error that main turns into an exit code',
    where: INSIDE,
  },
  { call: /\bconsole\s*\./g, instead: 'the port Log', where: SHIPPED },
  { call: /\bfetch\s*\(/g, instead: 'an effect', where: PURE },
  {
    call: /\beval\s*\(|\bnew Function\s*\(/g,
    instead: 'nothing: text is never code here',
    where: () => true,
  },
]

export function bannedCalls(sources: readonly Source[]): Finding[] {
  return sources.filter(({ path }) => /\.([cm]?ts|[cm]?js)$/.test(path)).flatMap(ofFile)
}

function ofFile(source: Source): Finding[] {
  const bans = BANS.filter(({ where }) => where(source.path))
  if (bans.length === 0) return []
  const code = blanked(source.text)
  return bans.flatMap(({ call, instead }) =>
    [...code.matchAll(call)].map((match) => ({
      path: source.path,
      line: lineAt(source.text, match.index),
      what: `${match[0].trim()}: use ${instead}`,
    })),
  )
}
