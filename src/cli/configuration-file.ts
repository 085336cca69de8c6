/** The configuration file: one JSON object whose keys are the settings' names. It may serve several commands at once. */
import { type SettingKey, setting, settingKeys } from '../config.js'
import { nearest } from './nearest.js'
import { UsageError } from './usage-error.js'

/** No configuration is larger; it bounds what a wrong path can make us read into memory twice. */
const LONGEST_FILE = 1024 * 1024

/** Keys that a file may hold: every setting except the file itself. */
const fileKeys = settingKeys.filter((key) => key !== 'config')

/** The texts given for each key in the file, as a flag would have given them. */
export function configurationFile(
  path: string,
  origin: string,
  readText: (path: string) => string,
): Map<SettingKey, readonly string[]> {
  const content = parse(path, read(path, origin, readText))
  const found = new Map<SettingKey, readonly string[]>()
  for (const [name, value] of Object.entries(content)) {
    const key = keyNamed(path, name)
    if (found.has(key)) throw new UsageError(`${path} gives ${key} twice`)
    found.set(key, texts(path, key, value))
  }
  return found
}

function read(path: string, origin: string, readText: (path: string) => string): string {
  try {
    return readText(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new UsageError(`the file of ${origin} ${reason}: ${path}`)
  }
}

function parse(path: string, text: string): object {
  if (text.length > LONGEST_FILE) throw new UsageError(`${path} is too large for a configuration file`)
  let content: unknown
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new UsageError(`${path} is not JSON: ${(error as Error).message.split('\n')[0]}`)
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new UsageError(`${path} must hold one JSON object, such as {"listen": "127.0.0.1:7400"}`)
  }
  return content
}

/** `peerListen`, or `peer-listen` as the flag is spelled. */
function keyNamed(path: string, name: string): SettingKey {
  const key = fileKeys.find((each) => each === name || setting(each).flag === name)
  if (key !== undefined) return key
  throw new UsageError(
    `unknown key ${JSON.stringify(name)} in ${path}; the nearest known one is "${nearest(name, fileKeys)}"`,
  )
}

function texts(path: string, key: SettingKey, value: unknown): readonly string[] {
  const { repeats, shape } = setting(key)
  const values = repeats && Array.isArray(value) ? value : [value]
  return values.map((each: unknown) => {
    const fits = shape === undefined ? typeof each === 'boolean' : ['string', 'number'].includes(typeof each)
    if (fits) return String(each)
    const wanted =
      shape === undefined ? 'true or false' : repeats ? 'a string, or a list of them' : 'a string or a number'
    throw new UsageError(`${key} in ${path} wants ${wanted}`)
  })
}
