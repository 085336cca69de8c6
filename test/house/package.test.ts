import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { ROOT, repositorySources } from './repository.js'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Record<string, string>
  readonly dev?: boolean
  readonly engines?: { readonly node?: string }
}

interface Manifest {
  readonly version: string
  readonly scripts: Record<string, string>
  readonly allowScripts: Record<string, boolean>
  readonly dependencies: Record<string, string>
  readonly bin: Record<string, string>
}

const read = (file: string): unknown => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'))
const manifest = read('package.json') as Manifest
const locked = Object.entries((read('package-lock.json') as { packages: Record<string, Locked> }).packages)

/** node_modules/a/node_modules/@b/c → @b/c */
const nameOf = (folder: string): string => folder.replace(/^.*node_modules\//, '')

test('installing the package runs no script of ours', (t) => {
  for (const script of ['preinstall', 'install', 'postinstall', 'prepublish'])
    t.false(script in manifest.scripts, script)
})

test('each dependency with an install script is named in allowScripts, so that no npm asks or warns', (t) => {
  const withScripts = locked
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([folder]) => nameOf(folder))
  t.deepEqual(withScripts.sort(), Object.keys(manifest.allowScripts).sort())
})

test('the lock file names every platform’s packages: a machine that lacks its own could not install', (t) => {
  const names = new Set(locked.map(([folder]) => nameOf(folder)))
  const wanted = locked.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}))
  t.true(wanted.length > 0)
  t.deepEqual(
    wanted.filter((name) => !names.has(name)),
    [],
  )
})

test('the lock file says versions, and no place to fetch them from', (t) => {
  const packages = locked.filter(([folder]) => folder !== '')
  t.deepEqual(
    packages
      .filter(([, { version, resolved }]) => version === undefined || resolved !== undefined)
      .map(([folder]) => folder),
    [],
  )
})

test('the Rust workspace, the package and the changelog are of one version', (t) => {
  const cargo = readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8')
  t.is(/^version = "(.+)"$/m.exec(cargo)?.[1], manifest.version)
})

test('workflows name a version of every action that they use', (t) => {
  const workflows = repositorySources().filter(({ path: file }) => file.startsWith('.github/workflows/'))
  const uses = workflows.flatMap(({ text }) =>
    [...text.matchAll(/\buses:\s*(\S+)/g)].map(([, action]) => action!),
  )
  t.true(uses.length > 0)
  t.deepEqual(
    uses.filter((action) => !action.startsWith('./') && !/@(v\d|[0-9a-f]{40})/.test(action)),
    [],
  )
})
