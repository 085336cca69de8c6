import { readdir } from 'node:fs'
import { type Completion, EngineError } from '../../ports/engine.js'
import { fileError } from '../file-error.js'
import { makeDirectory } from '../make-directory.js'

/**
 * Looks at a database directory before RocksDB does. RocksDB takes a directory without its CURRENT file for a new database,
 * starts an empty one there and deletes the old tables as garbage; so a lost CURRENT would cost everything.
 */

/** What the first start of a database leaves behind if it is cut off before anything was stored. */
const BEGINNINGS =
  /^(LOCK|LOG(\.old\..*)?|IDENTITY|MANIFEST-\d+|OPTIONS-\d+(\.dbtmp)?|\d+\.dbtmp|lost\+found)$/

const CONTENTS = /^(\d+\.(sst|log|blob)|archive)$/

/** Gives `true` where RocksDB may create a database, `false` where one is; makes the directory where there is none. */
export function examineDirectory(directory: string, done: Completion<boolean>): void {
  readdir(directory, (error, names) => {
    if (error?.code === 'ENOENT') {
      create(directory, done)
    } else if (error !== null) {
      done(fileError(error), false)
    } else {
      judge(directory, names, done)
    }
  })
}

function create(directory: string, done: Completion<boolean>): void {
  try {
    makeDirectory(directory)
  } catch (error) {
    done(fileError(error as NodeJS.ErrnoException), false)
    return
  }
  done(undefined, true)
}

function judge(directory: string, names: readonly string[], done: Completion<boolean>): void {
  if (names.includes('CURRENT')) {
    done(undefined, false)
  } else if (names.some((name) => CONTENTS.test(name))) {
    done(new EngineError('corrupt', `${directory} holds a database that has lost its CURRENT file`), false)
  } else {
    const stranger = names.find((name) => !BEGINNINGS.test(name))
    if (stranger === undefined) done(undefined, true)
    else
      done(
        new EngineError('unavailable', `${directory} is not empty and holds no database (${stranger})`),
        false,
      )
  }
}
