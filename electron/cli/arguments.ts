/** Parsers of option values. What they throw is wrong usage, told before anything is started. */
import { InvalidArgumentError } from 'commander'
import type { TextSource } from '../contract/domain.ts'
import { type DeviceChoice, deviceChoiceSchema } from '../contract/domain.ts'
import { type ComputeDtype, computeDtypeSchema, NBITS, type Nbits, type Rule } from '../contract/quant.ts'
import { KEEP, quantize } from '../plan/choices.ts'
import { WIKITEXT_2 } from '../plan/texts.ts'

export function integer(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^[-+]?\d+$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(
        high === Number.MAX_SAFE_INTEGER
          ? `A whole number from ${low} on is needed.`
          : `A whole number from ${low} to ${high} is needed.`,
      )
    }
    return value
  }
}

export function number(low: number, high = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!(value >= low && value <= high)) {
      throw new InvalidArgumentError(
        Number.isFinite(high) ? `A number from ${low} to ${high} is needed.` : `A number from ${low} on is needed.`,
      )
    }
    return value
  }
}

export function nbits(text: string): Nbits {
  const found = NBITS.find((width) => String(width) === text)
  if (found === undefined) throw new InvalidArgumentError(`One of ${NBITS.join(', ')} is needed.`)
  return found
}

/** A group size, or `none` for one group in each row or column. Not null: commander takes that for an absent value. */
export type GroupSizeOption = number | 'none'

export function groupSize(text: string): GroupSizeOption {
  return text === 'none' ? text : integer(1)(text)
}

export function groupSizeOf(option: GroupSizeOption): number | null {
  return option === 'none' ? null : option
}

export function axis(text: string): 0 | 1 {
  if (text === '0') return 0
  if (text === '1') return 1
  throw new InvalidArgumentError('0 or 1 is needed.')
}

export function computeDtype(text: string): ComputeDtype {
  const parsed = computeDtypeSchema.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError(`One of ${computeDtypeSchema.options.join(', ')} is needed.`)
  return parsed.data
}

/** `PATTERN=BITS:GROUP[:AXIS]` or `PATTERN=keep`, collected. */
export function rules(text: string, earlier: Rule[] = []): Rule[] {
  const at = text.lastIndexOf('=')
  if (at <= 0) throw new InvalidArgumentError('A rule is PATTERN=BITS:GROUP[:AXIS] or PATTERN=keep.')
  const pattern = text.slice(0, at)
  const value = text.slice(at + 1)
  if (value === 'keep') return [...earlier, { pattern, choice: KEEP }]
  const [bits = '', group = '', along = '1', ...rest] = value.split(':')
  if (rest.length > 0) throw new InvalidArgumentError('A rule is PATTERN=BITS:GROUP[:AXIS] or PATTERN=keep.')
  return [...earlier, { pattern, choice: quantize(nbits(bits), groupSizeOf(groupSize(group)), { axis: axis(along) }) }]
}

export function list(text: string, earlier: string[] = []): string[] {
  return [...earlier, text]
}

export const DEVICE_HELP = "cpu, cuda, cuda:N, a GPU's UUID, or auto (default: the setting, which is auto)"

export function device(text: string): DeviceChoice {
  const parsed = deviceChoiceSchema.safeParse(text)
  if (!parsed.success) throw new InvalidArgumentError("cpu, cuda, cuda:N, a GPU's UUID or auto is needed.")
  return parsed.data
}

/** The benchmark's text, or `OWNER/NAME[:CONFIG[:SPLIT[:COLUMN]]]`. */
export function dataset(text: string): TextSource {
  if (text === 'wikitext2') return WIKITEXT_2
  const [repo = '', config = '', split = 'test', column = 'text', ...rest] = text.split(':')
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || rest.length > 0) {
    throw new InvalidArgumentError('wikitext2 or owner/name[:config[:split[:column]]] is needed.')
  }
  return { kind: 'dataset', repo, config, split, column }
}
