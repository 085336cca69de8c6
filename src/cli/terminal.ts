/** What commands write. Errors go to standard error as one line; results to standard output. */

/** Whether a person, not a program, reads the results. */
export function personReads(): boolean {
  return process.stdout.isTTY === true
}

/** Resolves when the bytes have been handed on. A reader that wants no more (| head) ends the command, and is no fault. */
export function print(content: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(content, (error) => {
      if (!error) resolve()
      else process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1)
    })
  })
}

export function printLine(line: string): Promise<void> {
  return print(`${line}\n`)
}

export function printJson(content: unknown): Promise<void> {
  return printLine(JSON.stringify(content, undefined, 2))
}

/** One line for a person on standard error. */
export function complain(line: string): void {
  process.stderr.write(`rotunda: ${oneLine(line)}\n`)
}

/** An error's text as one line without control characters: what others sent may be in it. */
export function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\p{Cc}/gu, '?')
}

/** Columns as wide as their longest cell, two spaces apart; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const texts = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)))
  const toTheRight = head.map((_, column) => rows.length > 0 && typeof rows[0]![column] === 'number')
  const lines = texts.map((row) =>
    row
      .map((text, column) =>
        toTheRight[column] ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const

/** With three digits, for people. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  // What would be rounded to a thousand is one of the next unit.
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1_000
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${UNITS[unit]}`
}

/** In a unit that is short to read. */
export function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`
}

const WIDTH = 100

/** Words in lines of at most WIDTH characters (longer words excepted), each line indented. */
export function wrapped(text: string, indent: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((each) => indent + each).join('\n')
}
