import type { Settings } from '../config.js'
import type { Answer } from './ask.js'
import { refusal } from './refusal.js'
import { personReads, printJson, printLine } from './terminal.js'

/** What put and delete print once the write is acknowledged: nothing for programs, unless they ask for the context. */
export async function reportWrite(answer: Answer, settings: Settings, sentence: string): Promise<void> {
  if (answer.status !== 204) throw refusal(answer, settings.url)
  const context = answer.headers['rotunda-context']
  if (settings.json) await printJson({ context: context ?? null })
  else if (settings.showContext) await printLine(String(context ?? ''))
  else if (personReads()) await printLine(sentence)
}
