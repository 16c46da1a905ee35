/** What a model will take when nothing but its number of parameters is known: enough to sort out what is hopeless. */
import type { Fit } from '../contract/domain.ts'
import { type MachineMemory, TIGHT_SHARE, TOO_BIG_SHARE } from './fit.ts'

/** 4-bit weights in groups of 64, and a twentieth kept at 16 bits: embeddings, norms. */
const ROUGH_BITS = 4.5 * 0.95 + 16 * 0.05
/** Process, scratch and a short context. */
const ROUGH_REST_BYTES = 2 ** 29

/** Bytes of a 4-bit version of a model. */
export function roughFileBytes(parameters: number): number {
  return (parameters * ROUGH_BITS) / 8
}

/** Whether it would run; null without a machine. */
export function roughFit(parameters: number, machine: MachineMemory | null): Fit['verdict'] | null {
  if (machine === null) return null
  const share = (roughFileBytes(parameters) + ROUGH_REST_BYTES) / machine.availableMemoryBytes
  if (share > TOO_BIG_SHARE) return 'too-big'
  return share > TIGHT_SHARE ? 'tight' : 'fits'
}
