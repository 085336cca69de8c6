// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources with holes are what is tested here
import test from 'ava'
import { blanked } from './blank.js'
import { importsOf } from './imports.js'

const cases: readonly (readonly [name: string, source: string, code: string])[] = [
  ['line comments', 'a() // b()\nc()', 'a()       \nc()'],
  ['block comments keep their line breaks', 'a /* b\nc */ d', 'a     \n     d'],
  ['strings', `f('it\\'s', "x")`, `f('     ', " ")`],
  ['templates, but not their holes', 'f(`a ${b(`c`)} d`)', 'f(`  ${b(` `)}  `)'],
  ['braces within a hole', '`${{ a: 1 }}x`', '`${{ a: 1 }} `'],
  ['regular expressions with quotes in them', `x = /'"[/]/.test(y) + 'z'`, `x = /     /.test(y) + ' '`],
  ['division is no regular expression', `a / b / 'c'`, `a / b / ' '`],
  ['a regular expression after return', `return /'/`, 'return / /'],
  ['an unclosed comment ends with the file', 'a /* b', 'a     '],
]

for (const [name, source, code] of cases) {
  test(`blanks ${name}`, (t) => {
    t.is(blanked(source), code)
  })
}

test('an offset in the blanked text is an offset in the source', (t) => {
  const source = `a('x') /* y */ + b(\`z\${c}\`) // d\ne(/f/)`
  t.is(blanked(source).length, source.length)
})

test('finds every way to import, with its line, and none in comments or strings', (t) => {
  const text = [
    `import a, { b } from './a.js'`,
    `import type { C } from '../c.js'`,
    `import {`,
    `  d,`,
    `} from 'd'`,
    `export * from './e.js'`,
    `import './f.js'`,
    `const g = await import('./g.js')`,
    `// import h from './h.js'`,
    `const i = "import i from './i.js'"`,
    `import { n } from '#native'`,
  ].join('\n')
  const found = importsOf({ path: 'src/node/x.ts', text })
  t.deepEqual(
    found.map(({ specifier, target, typeOnly, line }) => [specifier, target, typeOnly, line]),
    [
      ['./a.js', 'src/node/a.ts', false, 1],
      ['../c.js', 'src/c.ts', true, 2],
      ['d', undefined, false, 5],
      ['./e.js', 'src/node/e.ts', false, 6],
      ['./f.js', 'src/node/f.ts', false, 7],
      ['./g.js', 'src/node/g.ts', false, 8],
      ['#native', 'native/load.cjs', false, 11],
    ],
  )
})
