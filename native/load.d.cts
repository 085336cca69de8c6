/** Why a native binding cannot be had here. */
export type NativeErrorCode =
  | 'KERNEL_MISSING'
  | 'KERNEL_UNLOADABLE'
  | 'ROCKSDB_MISSING'
  /** Loading it would end the process: the stock binary for glibc, on Node 21 or later. */
  | 'ROCKSDB_WOULD_ABORT'
  | 'ROCKSDB_UNLOADABLE'

/** The message is one or two sentences for a person, the remedy included. */
export class NativeError extends Error {
  readonly code: NativeErrorCode
}

/** The process that would load a binary. `libc` is '' where there is only one. */
export interface Runtime {
  readonly platform: string
  readonly arch: string
  readonly libc: '' | 'glibc' | 'musl'
  readonly nodeMajor: number
}

/** The native core; its types are generated from the Rust sources when it is built. Throws NativeError. */
export function loadKernel(): typeof import('./kernel/index.js')

/** The package `rocksdb`, with a binary that this process survives. Throws NativeError. */
export function loadRocksdb(): unknown

/** True where loading `file` would end the process. `stockFolder` is where the package `rocksdb` is installed. */
export function wouldAbort(file: string, stockFolder: string, runtime: Runtime): boolean

export function thisRuntime(): Runtime

/** `linux-x64-glibc`, `darwin-arm64`, `win32-x64`: for messages and file names. */
export function targetName(runtime: Runtime): string

/** The binary that would be loaded from a folder laid out for node-gyp-build (build/Release, prebuilds), or undefined. */
export function findBinary(folder: string): string | undefined
