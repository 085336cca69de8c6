/**
 * The paper's figures on load balancing, simulated again: `npm run paper [-- fig6|fig8]` writes the tables and pictures of docs/paper.
 * Nothing is left to chance or to the clock: the same code writes the same files.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { DAY, figure6 } from './figure6.js'
import { distributions, EXTENT, figure8, SIZES } from './figure8.js'
import {
  distributionTable,
  figure6Picture,
  figure6Table,
  figure8Picture,
  figure8Table,
  withTable,
} from './pictures.js'

const FOLDER = new URL('../../../docs/paper/', import.meta.url)
const PAGE = new URL('README.md', FOLDER)

function write(name: string, text: string): void {
  writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), name, text))
  process.stdout.write(`${name}\n\n${text}\n\n`)
}

const FIGURES: Readonly<Record<string, () => void>> = {
  fig6: () => {
    const windows = figure6(DAY)
    write('figure 6', figure6Table(windows))
    writeFileSync(new URL('figure6.svg', FOLDER), figure6Picture(windows))
  },
  fig8: () => {
    const rows = figure8(EXTENT, SIZES)
    write('figure 8', figure8Table(rows))
    writeFileSync(new URL('figure8.svg', FOLDER), figure8Picture(rows))
    write('other distributions', distributionTable(distributions(EXTENT.rings)))
  },
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => FIGURES[name] === undefined)
if (unknown.length > 0) {
  process.stderr.write(
    `There is no figure ${unknown.join(', ')}; there are ${Object.keys(FIGURES).join(', ')}.\n`,
  )
  process.exitCode = 2
} else {
  for (const name of asked.length > 0 ? asked : Object.keys(FIGURES)) FIGURES[name]!()
}
