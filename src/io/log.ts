import { writeSync } from 'node:fs'
import pino from 'pino'
import type { Log } from '../ports/log.js'
import { readableLine } from './readable-line.js'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Lines waiting for a reader of standard output that does not read; beyond this they are dropped, so that the node never waits for its log. */
const WAITING_BYTES = 1024 * 1024

/** A tenth of a second each. */
const LAST_TRIES = 10

export interface LogOptions {
  readonly level: LogLevel
  /** The node's name, in every line. */
  readonly node: string
  /** Lines for a person instead of JSON. */
  readonly readable: boolean
}

/** Where finished lines go, each with its newline. */
export interface LineSink {
  write(line: string): void
}

export interface ProcessLog extends Log {
  /** Writes out what still waits; for the moment before the process ends. Never throws, and gives up after a second where nobody reads. */
  flush(): void
  /** An error that is the last that the process has to say: written before this returns, whatever the threads of its pool do. */
  last(event: string, fields: Record<string, unknown>): void
}

/** The log of this process, on standard output: one JSON object a line, or readable lines. */
export function processLog(options: LogOptions): ProcessLog {
  let triesLeft = Number.POSITIVE_INFINITY
  const retryEAGAIN = () => triesLeft-- > 0
  const out = pino.destination({ fd: 1, sync: false, maxLength: WAITING_BYTES, retryEAGAIN })
  // A reader that went away (EPIPE) must not take the database with it.
  out.on('error', () => {})
  const flush = () => {
    triesLeft = LAST_TRIES
    try {
      out.flushSync()
    } catch {
      // Nobody is left to read it.
    }
  }
  const last = (event: string, fields: Record<string, unknown>) => {
    flush()
    makeLog(options, { write: writeNow }).error(event, fields)
  }
  return { ...makeLog(options, out), flush, last }
}

function writeNow(line: string): void {
  try {
    writeSync(1, line)
  } catch {
    // Nobody reads it, or not now.
  }
}

/** A log that writes its lines to `sink`. */
export function makeLog(options: LogOptions, sink: LineSink): Log {
  const logger = pino(
    {
      level: options.level,
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.readable ? { write: (line: string) => sink.write(readableLine(line)) } : sink,
  )
  const write = (level: LogLevel) => (event: string, fields?: Record<string, unknown>) =>
    logger[level]({ event, ...(fields && plainErrors(fields)) })
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** Errors have no own enumerable fields, so that JSON would show `{}`. */
function plainErrors(fields: Record<string, unknown>): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    plain[name] = value instanceof Error ? { message: value.message, stack: value.stack } : value
  }
  return plain
}
