/**
 * What a cluster of so many members costs each of them: `npm run scale` writes the table and the picture of docs/scale.md, and says the processor time, which is
 * no part of them, on standard output. `npm run scale -- 30 100` only measures those sizes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { withTable } from '../paper/pictures.js'
import { SIZES, scalePicture, scaleTable } from './report.js'
import { type Measured, measure } from './run.js'

const DOCS = new URL('../../../docs/', import.meta.url)
const PAGE = new URL('scale.md', DOCS)

function measured(size: number): Measured {
  const one = measure(size)
  process.stdout.write(`${size} nodes: ${one.cpuMs.toFixed(2)} ms of a core for each node and quiet second\n`)
  return one
}

const asked = process.argv.slice(2).map(Number)
if (asked.some((size) => !(Number.isInteger(size) && size >= 2 && size <= 1_000))) {
  process.stderr.write('Sizes are numbers of nodes, 2 to 1000.\n')
  process.exitCode = 2
} else if (asked.length > 0) process.stdout.write(`\n${scaleTable(asked.map(measured))}\n`)
else {
  const rows = SIZES.map(measured)
  writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), 'scale', scaleTable(rows)))
  writeFileSync(new URL('scale.svg', DOCS), scalePicture(rows))
  process.stdout.write(`\n${scaleTable(rows)}\n`)
}
