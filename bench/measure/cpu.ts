/**
 * CPU time of other processes, as the kernel accounts for it (/proc/<pid>/stat, proc(5): fields 14 and 15), children included:
 * a launcher that starts the real server is counted with it. Linux only; elsewhere the figures are NaN and the tables show a dash.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux gives these times in hundredths of a second on every platform that Node runs on. */
const TICK_US = 10_000

export interface CpuTime {
  /** User and system time of all threads. */
  readonly totalUs: number
  /** Of it the thread that runs JavaScript; the rest is the thread pool, the storage engine and the garbage collector. */
  readonly mainUs: number
}

/** utime + stime in ticks of one stat line. The name in parentheses may itself hold spaces and parentheses. */
export function ticksOfStat(line: string): number {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** The processes and all of their descendants. Those that are gone are left out. */
export function processTree(pids: readonly number[]): number[] {
  return pids.flatMap((pid) => [pid, ...processTree(childrenOf(pid))])
}

/** Of those that still run. */
export function cpuTime(pids: readonly number[]): CpuTime {
  if (process.platform !== 'linux') return { totalUs: Number.NaN, mainUs: Number.NaN }
  let totalUs = 0
  let mainUs = 0
  for (const pid of pids) {
    const line = statOf(`${pid}`)
    const mainLine = statOf(`${pid}/task/${pid}`)
    if (line === undefined || mainLine === undefined) continue
    totalUs += TICK_US * ticksOfStat(line)
    mainUs += TICK_US * ticksOfStat(mainLine)
  }
  return { totalUs, mainUs }
}

function statOf(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}/stat`, 'latin1')
  } catch {
    return undefined
  }
}

/** Resident memory of the processes in bytes (VmRSS; pages that they share are counted for each). */
export function residentBytes(pids: readonly number[]): number {
  if (process.platform !== 'linux') return Number.NaN
  return pids.reduce((sum, pid) => sum + residentKiB(pid) * 1024, 0)
}

function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
}

function childrenOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`)
    return tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}
