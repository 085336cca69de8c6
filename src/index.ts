/** What a program may import from `rotunda`: the table of errors that a node answers with, and this package's version. */
export { ERRORS, type ErrorCode, type ErrorKind, type ErrorNumbers } from './errors.js'
export { VERSION } from './version.js'
