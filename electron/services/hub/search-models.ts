/** Search results with what this app and this machine can do with them, filtered by it. */
import type { HubModel, HubQuery } from '../../contract/hub.ts'
import type { HubClient } from '../../hub/hub-client.ts'
import { type DescribedModel, searchHub } from '../../hub/search.ts'
import { FAMILIES, isRunnable, SEEING_ARCHITECTURES } from '../../plan/families.ts'
import type { MachineMemory } from '../../plan/fit.ts'
import { roughFileBytes, roughFit } from '../../plan/rough.ts'
import type { MachineInfo } from '../machine.ts'

export interface HubPage {
  models: HubModel[]
  /** For the next page; null at the end. */
  next: string | null
}

/** Filters that only this app knows may leave nothing of a page; so many more are asked for until something is found. */
const MOST_PAGES = 8
const ENOUGH = 20

export async function searchModels(
  { client, machine }: { client: HubClient; machine: MachineInfo },
  query: HubQuery,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<HubPage> {
  const memory = await machine.machine().catch(() => null)
  const models: HubModel[] = []
  let next = cursor
  for (let pages = 0; pages < MOST_PAGES; pages++) {
    const page = await searchHub(client, query, next, signal)
    models.push(...page.models.map((model) => judged(model, memory)).filter((model) => matches(model, query)))
    next = page.next
    if (next === null || models.length >= ENOUGH) break
  }
  return { models, next }
}

/** Adds what speaks against a model here. */
export function judged(model: DescribedModel, machine: MachineMemory | null): HubModel {
  const { parameters } = model
  return {
    ...model,
    problem: problemOf(model),
    roughBytes: parameters === null ? null : roughFileBytes(parameters),
    fits: parameters === null ? null : roughFit(parameters, machine),
  }
}

function problemOf({ architecture, quantized, task }: DescribedModel): string | null {
  if (quantized !== null) return `Already quantized (${quantized.label}). Look for the original it was made from.`
  if (architecture === null) {
    return task === null || task === 'text-generation'
      ? null
      : `It is made for ${task.replaceAll('-', ' ')}, not for writing text.`
  }
  if (isRunnable(architecture)) return null
  const known = [...FAMILIES.map((family) => family.architecture), ...SEEING_ARCHITECTURES].join(', ')
  return `The architecture ${architecture} cannot be run here, only quantized. What runs: ${known}.`
}

function matches(model: HubModel, { fits, supported, quantized }: HubQuery): boolean {
  if (fits && model.fits !== 'fits' && model.fits !== 'tight') return false
  if (supported && !(model.architecture !== null && isRunnable(model.architecture))) return false
  if (quantized === 'only') return model.quantized !== null
  return quantized === 'any' || model.quantized === null
}
