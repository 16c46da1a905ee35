/**
 * Adds members to a JSON object as text, so that everything else stays byte for byte as it was: JavaScript would write 1e-05 as
 * 0.00001 and 10000.0 as 10000, which strict readers take for another type.
 */
import { isDeepStrictEqual } from 'node:util'

/** The object in `text` with `changes` over it. Falls back to writing it anew where the text cannot be edited surely. */
export function withMembers(text: string, changes: Readonly<Record<string, unknown>>): string {
  const wanted = { ...parseObject(text), ...changes }
  let edited = text.trimEnd()
  for (const [name, value] of Object.entries(changes)) edited = setMember(edited, name, value)
  try {
    if (isDeepStrictEqual(JSON.parse(edited), wanted)) return `${edited}\n`
  } catch {
    // Not JSON any more: the name occurs where it was not expected.
  }
  return `${JSON.stringify(wanted, null, 2)}\n`
}

/** The object in `text` without a member, everything else byte for byte; written anew where that cannot be done surely. */
export function withoutMember(text: string, name: string): string {
  const { [name]: _, ...wanted } = parseObject(text)
  const edited = cutMember(text, name)
  try {
    if (isDeepStrictEqual(JSON.parse(edited), wanted)) return `${edited.trimEnd()}\n`
  } catch {
    // Not JSON any more: the name occurs where it was not expected.
  }
  return `${JSON.stringify(wanted, null, 2)}\n`
}

/** Cuts from the comma before the member, or else to the one after it. */
function cutMember(text: string, name: string): string {
  const key = new RegExp(`(,?)\\s*${JSON.stringify(name)}\\s*:\\s*`).exec(text)
  if (key === null) return text
  const end = endOfValue(text, key.index + key[0].length)
  const after = key[1] === '' ? /^\s*,/.exec(text.slice(end))?.[0].length : 0
  return text.slice(0, key.index) + text.slice(end + (after ?? 0))
}

/** Where the value ends that begins at `at`: at the comma or bracket that is not its own. */
function endOfValue(text: string, at: number): number {
  let depth = 0
  let inText = false
  for (let i = at; i < text.length; i += 1) {
    const char = text[i]
    if (inText) {
      if (char === '\\') i += 1
      else if (char === '"') inText = false
    } else if (char === '"') inText = true
    else if (char === '{' || char === '[') depth += 1
    else if (depth > 0 && (char === '}' || char === ']')) depth -= 1
    else if (depth === 0 && (char === ',' || char === '}')) return i
  }
  return text.length
}

function setMember(text: string, name: string, value: unknown): string {
  const member = `${JSON.stringify(name)}: `
  // Only plain strings are replaced in place; that is all the app changes in an existing configuration.
  const existing = new RegExp(`${JSON.stringify(name)}\\s*:\\s*"[^"\\\\]*"`)
  if (typeof value === 'string' && existing.test(text))
    return text.replace(existing, () => member + JSON.stringify(value))
  const without = cutMember(text, name).trimEnd()
  const body = without.slice(0, without.lastIndexOf('}')).trimEnd()
  const separator = body.endsWith('{') ? '' : ','
  return `${body}${separator}\n  ${member}${JSON.stringify(value, null, 2).replaceAll('\n', '\n  ')}\n}`
}

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  // The caller has read the file as an object before.
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
