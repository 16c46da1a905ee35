import type { Budget } from '../../../electron/plan/budget.ts'
import { formatDisk, formatMemory } from '../../ui/format.ts'

/** What a plan takes, in the unit of its budget. */
export function priceWords(value: number, kind: Budget['kind']): string {
  if (kind === 'bits') return `${value.toFixed(2)} bits`
  return kind === 'file' ? formatDisk(value) : formatMemory(value)
}
