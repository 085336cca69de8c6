/** The directory that holds a node's data: made for this user alone, and never reached through a link. */
import { accessSync, constants, lstatSync } from 'node:fs'
import { makeDirectory } from '../io/make-directory.js'
import { Fault } from './ask.js'

/** Makes the directory if it is not there, and gives sentences for the log about what is dangerous. Throws Fault. */
export function prepareDataDirectory(path: string): string[] {
  try {
    makeDirectory(path)
    const found = lstatSync(path)
    if (found.isSymbolicLink()) {
      throw new Fault(`the data directory ${path} is a symbolic link: name the directory itself`)
    }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    const open = process.platform !== 'win32' && (found.mode & 0o077) !== 0
    return open ? [`other users may look into the data directory ${path}; run: chmod 700 ${path}`] : []
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault(`the data directory ${path} cannot be used: ${reason(error as NodeJS.ErrnoException)}`)
  }
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file is in its place'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read and write there'
    case 'ENOENT':
      return 'no directory can be made there'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
      return 'the disk is full'
    default:
      return code ?? message
  }
}
