/** From a V8 CPU profile to a table: which functions used the time, alone and with all that they called. */

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[]
}

/** What V8's sampling heap profiler gives: bytes by the function that allocated them. */
export interface AllocationNode {
  readonly callFrame: ProfileNode['callFrame']
  readonly selfSize: number
  readonly children: readonly AllocationNode[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

export interface FunctionTime {
  readonly name: string
  /** Shortened file and line, '' for what has none. */
  readonly place: string
  /** Package or folder that the function belongs to. */
  readonly owner: string
  readonly selfUs: number
  /** With callees; a function that calls itself counts once. */
  readonly totalUs: number
}

/** All functions, the most self time first; '(idle)' is left out. `longestUs`: what one sample counts at most. */
export function functionTimes(profile: CpuProfile, longestUs = Number.POSITIVE_INFINITY): FunctionTime[] {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const selfUs = selfTimes(profile, longestUs)
  const times = new Map<string, { -readonly [Field in keyof FunctionTime]: FunctionTime[Field] }>()
  const visit = (node: ProfileNode, caller: ProfileNode | undefined, above: ReadonlySet<string>): number => {
    const key = keyOf(node, caller)
    const below = new Set(above).add(key)
    const self = selfUs.get(node.id) ?? 0
    const total = (node.children ?? []).reduce(
      (sum, child) => sum + visit(byId.get(child)!, node, below),
      self,
    )
    const time = times.get(key) ?? { ...describe(node, caller), selfUs: 0, totalUs: 0 }
    time.selfUs += self
    if (!above.has(key)) time.totalUs += total
    times.set(key, time)
    return total
  }
  if (profile.nodes[0] !== undefined) visit(profile.nodes[0], undefined, new Set())
  return [...times.values()].filter(({ name }) => name !== '(idle)').sort((a, b) => b.selfUs - a.selfUs)
}

/** The same shape with bytes in the place of µs, so that one table shows either. */
export function asCpuProfile(root: AllocationNode): CpuProfile {
  const nodes: ProfileNode[] = []
  const bytes: number[] = []
  const visit = (node: AllocationNode): number => {
    const id = nodes.length
    nodes.push({ id, callFrame: node.callFrame })
    bytes.push(node.selfSize)
    nodes[id] = { id, callFrame: node.callFrame, children: node.children.map(visit) }
    return id
  }
  visit(root)
  return { nodes, samples: [...nodes.map(({ id }) => id), 0], timeDeltas: [0, ...bytes] }
}

/** Self time summed by package or folder, the most first. */
export function ownerTimes(functions: readonly FunctionTime[]): { owner: string; selfUs: number }[] {
  const sums = new Map<string, number>()
  for (const { owner, selfUs } of functions) sums.set(owner, (sums.get(owner) ?? 0) + selfUs)
  return [...sums].map(([owner, selfUs]) => ({ owner, selfUs })).sort((a, b) => b.selfUs - a.selfUs)
}

/**
 * A delta belongs to the sample before it: the function seen then ran until now. Samples come several times a millisecond while
 * the thread runs, also within native code; one that is late by more says that somebody else had the core.
 */
function selfTimes({ samples, timeDeltas }: CpuProfile, longestUs: number): Map<number, number> {
  const selfUs = new Map<number, number>()
  for (let i = 0; i + 1 < samples.length; i++) {
    const deltaUs = Math.min(timeDeltas[i + 1]!, longestUs)
    selfUs.set(samples[i]!, (selfUs.get(samples[i]!) ?? 0) + deltaUs)
  }
  return selfUs
}

function keyOf(node: ProfileNode, caller: ProfileNode | undefined): string {
  const { url, lineNumber } = node.callFrame
  return `${nameOf(node, caller)} ${url} ${lineNumber}`
}

function describe(
  node: ProfileNode,
  caller: ProfileNode | undefined,
): Pick<FunctionTime, 'name' | 'place' | 'owner'> {
  const { functionName, url, lineNumber } = node.callFrame
  const path = shortened(url)
  const place = path === '' ? '' : `${path}:${lineNumber + 1}`
  return { name: nameOf(node, caller), place, owner: ownerOf(functionName, path) }
}

/** Native functions go by their caller's name: V8 mistakes those of one addon for one another. */
function nameOf({ callFrame: { functionName, url } }: ProfileNode, caller: ProfileNode | undefined): string {
  if (url !== '' || functionName.startsWith('(')) return functionName || '(anonymous)'
  return caller === undefined
    ? functionName
    : `native code under ${caller.callFrame.functionName || '(anonymous)'}`
}

function shortened(url: string): string {
  return url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, '')
}

function ownerOf(functionName: string, path: string): string {
  if (path === '') return functionName.startsWith('(') ? functionName : 'native code'
  if (path.startsWith('node:')) return 'node'
  const [first, second] = path.split('/')
  return first === 'src' || first === 'bench' || first!.startsWith('@') ? `${first}/${second}` : first!
}
