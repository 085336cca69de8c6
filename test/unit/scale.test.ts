/** docs/scale.md holds what the code gives: the smallest sizes are measured again, and the largest are held to what the page says of them. */
import { readFileSync } from 'node:fs'
import test from 'ava'
import { cells, grouped, HEAD, SIZES } from '../../bench/scale/report.js'
import { measure } from '../../bench/scale/run.js'

const PAGE = readFileSync(new URL('../../../docs/scale.md', import.meta.url), 'utf8')

function rowOf(size: number): string[] {
  const line = PAGE.split('\n').find((one) => one.startsWith(`| ${grouped(size)} |`))
  return (
    line
      ?.split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()) ?? []
  )
}

test('ten and thirty nodes give the rows of the page', (t) => {
  for (const size of [10, 30]) t.deepEqual(cells(measure(size)), rowOf(size))
})

test('a change takes few hops, and nodes in great number send no more than a hundred have to', (t) => {
  const column = (size: number, name: (typeof HEAD)[number]) =>
    Number(rowOf(size)[HEAD.indexOf(name)]!.replaceAll(',', ''))
  for (const size of SIZES) {
    t.true(column(size, 'hops') <= Math.ceil(Math.log2(size)), `${size} nodes`)
    t.true(column(size, 'bytes/s') < 2 * column(100, 'bytes/s'), `${size} nodes`)
  }
})
