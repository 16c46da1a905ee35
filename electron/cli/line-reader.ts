/** Lines a person types, one at a time; made when the first is wanted, since it takes hold of the input. */
import type { Interface } from 'node:readline/promises'

/** The returned function gives null at the end of the input. */
export function createLineReader(open: () => Interface): (prompt: string) => Promise<string | null> {
  let lines: AsyncIterator<string> | null = null
  let reader: Interface | null = null
  return async (prompt) => {
    reader ??= open()
    lines ??= reader[Symbol.asyncIterator]()
    reader.setPrompt(prompt)
    reader.prompt()
    const next = await lines.next()
    if (!next.done) return next.value
    reader.close()
    return null
  }
}
