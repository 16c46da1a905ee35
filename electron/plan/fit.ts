/**
 * The one judgement of whether something fits this machine, for every screen. "Weights too big" and "context too big" are
 * different problems with different cures.
 */
import type { Fit, Machine, MemoryParts } from '../contract/domain.ts'
import { type DeviceKind, totalMemory } from './memory.ts'
import { formatMemory, significant } from './units.ts'

/** Share of the usable memory from which the bar turns amber, and from which it turns red. */
export const TIGHT_SHARE = 0.8
export const TOO_BIG_SHARE = 0.9

export type MachineMemory = Pick<Machine, 'availableMemoryBytes' | 'totalMemoryBytes'> & {
  /** Whose memory it is; the CPU's when omitted. */
  kind?: DeviceKind
}

const UNKNOWN: Fit = { verdict: 'fits', reason: 'The memory of this machine is not known yet.' }

/** Shares of the memory that is free now; the system needs what is left. */
export function verdictOf(neededBytes: number, usableBytes: number): Fit['verdict'] {
  const share = neededBytes / Math.max(usableBytes, 1)
  if (share >= TOO_BIG_SHARE) return 'too-big'
  return share >= TIGHT_SHARE ? 'tight' : 'fits'
}

/** Whether the model runs here, and if not, whether its weights or its context are the reason. */
export function judgeRun(
  parts: MemoryParts,
  machine: MachineMemory | null,
  context: { length: number; bytesPerToken: number },
): Fit {
  if (machine === null) return UNKNOWN
  const usable = machine.availableMemoryBytes
  const needed = totalMemory(parts)
  const verdict = verdictOf(needed, usable)
  const numbers = `Needs ${formatMemory(needed)} of ${formatMemory(usable)} free`
  if (verdict === 'fits') return { verdict, reason: `${numbers} (${percent(needed / usable)}).` }
  const withoutCache = needed - parts.kvCache
  if (verdictOf(withoutCache, usable) === 'too-big') {
    const weights = formatMemory(parts.weights + parts.metadata)
    return { verdict, reason: `${numbers}: the weights alone take ${weights}. Choose fewer bits per weight.` }
  }
  const room = Math.max(0, TIGHT_SHARE * usable - withoutCache)
  const tokens = context.bytesPerToken > 0 ? Math.floor(room / context.bytesPerToken) : context.length
  const cure =
    tokens >= 16
      ? `the KV cache at ${context.length} tokens takes ${formatMemory(parts.kvCache)}. ` +
        `A context of ${roundedDown(tokens)} tokens fits, or choose fewer bits per weight.`
      : 'there is little left for the KV cache. Choose fewer bits per weight or close other programs.'
  return { verdict, reason: `${numbers}: ${cure}` }
}

/** Whether the quantizer's peak fits. */
export function judgeQuantize(neededBytes: number, machine: MachineMemory | null): Fit {
  if (machine === null) return UNKNOWN
  const usable = machine.availableMemoryBytes
  const verdict = verdictOf(neededBytes, usable)
  const numbers = `Needs at most ${formatMemory(neededBytes)} of ${formatMemory(usable)} free, one tensor at a time`
  return {
    verdict,
    reason:
      verdict === 'fits' ? `${numbers}.` : `${numbers}. Close other programs to make room for the largest tensor.`,
  }
}

function percent(share: number): string {
  return `${significant(share * 100, 2)} %`
}

/** Two leading digits, so that advice does not look more exact than it is. */
function roundedDown(tokens: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(tokens)) - 1)
  return Math.floor(tokens / step) * step
}
