/** The native core. The rest of src/kernel checks the arguments: the core takes -1 for 0 without a word. */
import { loadKernel } from '#native'
import type * as Generated from '../../native/kernel/index.js'

/** The core fills any Uint8Array where the generated types say Buffer. */
type Widened<T> = T extends Buffer ? Uint8Array : T
type Arguments<T extends unknown[]> = { [I in keyof T]: Widened<T[I]> }
type Functions = typeof Generated

/** The native functions as they are: positional arguments, numbers back, results into the caller's buffer. */
export type Binding = {
  readonly [Name in keyof Functions]: (
    ...args: Arguments<Parameters<Functions[Name]>>
  ) => ReturnType<Functions[Name]>
}

/** A plain object of its own: V8 keeps the exports of an addon as a dictionary, which every call would look its function up in. */
export const binding = { ...(loadKernel() as unknown as Binding) }
