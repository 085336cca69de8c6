#!/usr/bin/env node
'use strict'

/**
 * The `rotunda` command. It sizes libuv's thread pool and then hands over to dist/src/main.js.
 *
 * The size is read once, when the pool is first used. An ES module as the entry point is too late on Node 20: its own
 * source has by then been read through the pool. A CommonJS entry is read without it, so this file is one.
 */

const fs = require('node:fs')
const path = require('node:path')
const v8 = require('node:v8')

/** Threads for what blocks: every RocksDB call, file I/O, DNS. libuv's own four are full as soon as four slow calls run. */
const POOL_THREADS = 8

process.env.UV_THREADPOOL_SIZE ??= String(POOL_THREADS)

/** A node makes many small byte arrays that live for a moment: larger slabs to cut them from (measured: a twentieth of a put's processor time). */
Buffer.poolSize = 64 * 1024

/**
 * V8 collects its whole heap whenever that and the memory of buffers have grown by so much since the last time. A node's heap is small and its buffers are
 * many, so by V8's own rule that is every 8 MiB: once a second under load, for garbage that is nearly all outside the heap. This is five times
 * the heap instead, some 60 MiB more at the most.
 */
v8.setFlagsFromString('--heap-growing-percent=400')

const main = path.join(__dirname, '..', 'dist', 'src', 'main.js')
if (fs.existsSync(main)) {
  import('../dist/src/main.js')
} else {
  process.stderr.write('Rotunda is not compiled yet: run `npm run build` first.\n')
  process.exitCode = 1
}
