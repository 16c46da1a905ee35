/** What commands print: results on stdout (for people, or one JSON document), everything else on stderr. */
import { AppError, toAppError } from '../contract/errors.ts'

export interface Streams {
  stdout(text: string): void
  stderr(text: string): void
  /** Whether stderr is a terminal whose line can be written over. */
  readonly isTerminal: boolean
}

/** What a command has to say at its end. */
export interface Result {
  /** For people; lines without a newline at the end. */
  text: string
  /** The JSON document of `--json`. */
  json: unknown
}

export const EXIT = { done: 0, failed: 1, usage: 2, cancelled: 130 } as const

export function printResult(streams: Streams, { text, json }: Result, asJson: boolean): void {
  streams.stdout(asJson ? `${JSON.stringify(json, null, 2)}\n` : `${text}\n`)
}

/** Options that do not go together, or are missing: told apart from work that failed by its exit code. */
export class UsageError extends AppError {
  constructor(message: string) {
    super('bad-input', message)
  }
}

/** The error as a sentence on stderr and, with `--json`, as `{"error": {code, message}}` on stdout. Returns the exit code. */
export function printError(streams: Streams, thrown: unknown, asJson: boolean): number {
  const error: AppError = toAppError(thrown)
  if (asJson) streams.stdout(`${JSON.stringify({ error: error.toShape() }, null, 2)}\n`)
  streams.stderr(error.code === 'cancelled' ? 'Cancelled.\n' : `Error: ${error.message}\n`)
  if (error.code === 'cancelled') return EXIT.cancelled
  return error instanceof UsageError ? EXIT.usage : EXIT.failed
}

/** Field names of JSON documents are in snake case. Keys that are names of things (with dots or spaces) stay as they are. */
export function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [snakeKey(key), snakeCase(member)]))
}

function snakeKey(key: string): string {
  return /^[a-z][A-Za-z0-9]*$/.test(key) ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[-\d.,%]+( \S+)?$/.test(row[column] ?? '')),
  )
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        numeric[column] ? (row[column] ?? '').padStart(width) : (row[column] ?? '').padEnd(width),
      )
      .join('  ')
      .trimEnd()
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** "name  value" lines. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length))
  return pairs.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}
