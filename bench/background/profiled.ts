/** A window of the bench with V8's sampling profiler on every node that is there when it begins and when it ends. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Profiler } from '../profiler.js'

/** Leaves DIRECTORY/WHAT-n1.cpuprofile and so on. The nodes' inspectors listen on neighbouring ports. */
export async function profiled<T>(
  inspectorPorts: readonly number[],
  directory: string,
  what: string,
  window: () => Promise<T>,
): Promise<T> {
  mkdirSync(directory, { recursive: true })
  const profilers = await Promise.all(inspectorPorts.map((port) => Profiler.attach(port)))
  await Promise.all(profilers.map((profiler) => profiler.startCpu()))
  const result = await window()
  const stops = profilers.map((profiler, number) =>
    profiler.stopCpu(join(directory, `${what}-n${number + 1}.cpuprofile`)),
  )
  await Promise.allSettled(stops)
  for (const profiler of profilers) profiler.detach()
  return result
}
