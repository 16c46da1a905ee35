/** Command line of the browser host. */
import { parseArgs } from 'node:util'
import { AppError } from '../contract/errors.ts'

/** Tried first, so that the page's origin, and what the browser keeps for it, stays the same from start to start. */
export const PREFERRED_PORT = 47_120

export interface WebOptions {
  readonly dataDir: string | undefined
  /** Undefined: the preferred one, or any free one when that is taken. */
  readonly port: number | undefined
  readonly open: boolean
}

/** Throws `bad-input` for unknown options and impossible ports. */
export function parseWebOptions(args: readonly string[]): WebOptions {
  const { values } = parse(args)
  return { dataDir: values['data-dir'], port: parsePort(values.port), open: values['no-open'] !== true }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { 'data-dir': { type: 'string' }, port: { type: 'string' }, 'no-open': { type: 'boolean' } },
    })
  } catch (cause) {
    throw new AppError('bad-input', cause instanceof Error ? cause.message : String(cause), undefined, { cause })
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new AppError('bad-input', `${text} is not a port.`)
  return port
}
