/** Profiles one process over a window, through the inspector that its `--inspect` opened. */
import { writeFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import type { AllocationNode, CpuProfile } from './measure/profile.js'

const SAMPLE_US = 250
const SAMPLE_BYTES = 16 * 1024
const PROFILE_BYTES = 512 * 1024 * 1024

interface InspectorAnswer {
  readonly id?: number
  readonly result?: { profile?: unknown }
  readonly error?: { message: string }
}

export class Profiler {
  readonly #socket: WebSocket
  readonly #waiting = new Map<
    number,
    { resolve: (answer: InspectorAnswer) => void; reject: (error: Error) => void }
  >()
  #nextId = 1

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (text) => this.#answered(JSON.parse(String(text)) as InspectorAnswer))
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the profiled process is gone'))
    })
  }

  static async attach(inspectorPort: number): Promise<Profiler> {
    const targets = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json()) as {
      webSocketDebuggerUrl: string
    }[]
    const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl, {
      perMessageDeflate: false,
      maxPayload: PROFILE_BYTES,
    })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    const profiler = new Profiler(socket)
    await profiler.#call('Profiler.enable')
    await profiler.#call('Profiler.setSamplingInterval', { interval: SAMPLE_US })
    return profiler
  }

  async startCpu(): Promise<void> {
    await this.#call('Profiler.start')
  }

  /** Leaves the profile in `file` (Chrome's developer tools open it) and gives it. */
  async stopCpu(file: string): Promise<CpuProfile> {
    return (await this.#stop('Profiler.stop', file)) as CpuProfile
  }

  /** What is garbage by the end counts too. */
  async startAllocations(): Promise<void> {
    await this.#call('HeapProfiler.startSampling', {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
  }

  async stopAllocations(file: string): Promise<AllocationNode> {
    return ((await this.#stop('HeapProfiler.stopSampling', file)) as { head: AllocationNode }).head
  }

  detach(): void {
    this.#socket.terminate()
  }

  async #stop(method: string, file: string): Promise<unknown> {
    const { result } = await this.#call(method)
    if (result?.profile === undefined) throw new Error('the inspector gave no profile')
    writeFileSync(file, JSON.stringify(result.profile))
    return result.profile
  }

  #call(method: string, params: object = {}): Promise<InspectorAnswer> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  #answered(answer: InspectorAnswer): void {
    if (answer.id === undefined) return
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (answer.error === undefined) waiting?.resolve(answer)
    else waiting?.reject(new Error(answer.error.message))
  }
}
