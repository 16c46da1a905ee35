/**
 * Compare's rows as the screen needs them: one measurement per metric and protocol, never two protocols in one picture.
 * Pure.
 */
import type { CompareRow, EvaluateRequest, Measurement, MemoryParts } from '../../../electron/contract/domain.ts'
import { STANDARD_PERPLEXITY } from '../../../electron/plan/standard-measure.ts'
import { nameInWords } from '../../ui/stat.tsx'

export type Metric = Measurement['metric']

/** Of a measurement in percent. */
export function percentText(value: number): string {
  return `${value.toFixed(1)}\u00a0%`
}

/** What the versions of a model can be measured by. */
export function abilitiesOf(rows: readonly CompareRow[]): { sees: boolean; writes: boolean } {
  return {
    sees: rows.some(({ model }) => model.vision !== undefined && model.vision.kind !== 'tower'),
    // A family that cannot be run at all is shown as one that writes.
    writes: !rows.some(({ model }) => model.vision !== undefined && model.vision.kind !== 'llava'),
  }
}

/** A protocol that some version was measured with. */
export interface ProtocolOption {
  readonly key: string
  readonly words: string
  /** How many versions have a number under it. */
  readonly versions: number
  readonly protocol: Measurement['protocol']
}

/** The newest measurement of `metric` under exactly this protocol. */
export function measurementOf(row: CompareRow, metric: Metric, protocolKey: string | null): Measurement | null {
  let newest: Measurement | null = null
  for (const measurement of row.measurements) {
    if (measurement.metric !== metric || measurement.protocolKey !== protocolKey) continue
    if (newest === null || measurement.at > newest.at) newest = measurement
  }
  return newest
}

/** The protocols of a metric, the one with most versions first. */
export function protocolsOf(rows: readonly CompareRow[], metric: Metric): ProtocolOption[] {
  const found = new Map<string, { versions: Set<string>; sample: Measurement }>()
  for (const row of rows) {
    for (const measurement of row.measurements) {
      if (measurement.metric !== metric) continue
      const known = found.get(measurement.protocolKey)
      if (known === undefined)
        found.set(measurement.protocolKey, { versions: new Set([row.model.id]), sample: measurement })
      else known.versions.add(row.model.id)
    }
  }
  return [...found]
    .map(([key, { versions, sample }]) => ({
      key,
      words: protocolWords(sample),
      versions: versions.size,
      protocol: sample.protocol,
    }))
    .sort((a, b) => b.versions - a.versions || a.words.localeCompare(b.words))
}

/** "windows · window 512 · 20000 tokens": the parts that tell protocols apart at a glance. */
export function protocolWords({ protocol, protocolKey }: Pick<Measurement, 'protocol' | 'protocolKey'>): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(protocol)) {
    if (value === null || typeof value === 'object') continue
    if (/sha|hash|engine|version|scored|device|threads|seconds|folder|labelsFrom|^set$/i.test(name)) continue
    parts.push(typeof value === 'number' ? `${nameInWords(name)} ${value}` : String(value))
    if (parts.length === 4) break
  }
  return parts.length > 0 ? parts.join(' · ') : protocolKey
}

/** Everything about how a number came to be, for its popover. */
export function storyOf(measurement: Measurement): Record<string, unknown> {
  return {
    ...measurement.protocol,
    took: `${measurement.seconds.toFixed(1)} s`,
    engine: measurement.engineVersion,
    measured: new Date(measurement.at).toLocaleString(),
  }
}

/** Memory of the newest measurement that recorded it. */
export function measuredMemory(row: CompareRow): { parts: MemoryParts; measurement: Measurement } | null {
  let newest: { parts: MemoryParts; measurement: Measurement } | null = null
  for (const measurement of row.measurements) {
    const { memory } = measurement
    if (memory !== null && (newest === null || measurement.at > newest.measurement.at)) {
      newest = { parts: memory, measurement }
    }
  }
  return newest
}

export function bitsPerWeightOf(row: CompareRow): number | null {
  return row.model.quantization?.bitsPerWeight ?? null
}

/** What a version is called where its model is known: its bits, or that it is the original. */
export function shortName(row: CompareRow): string {
  return row.role === 'original' ? 'original' : (row.model.quantization?.label ?? row.model.name)
}

export type PerplexityChoice = Pick<EvaluateRequest, 'protocol' | 'window' | 'stride' | 'maxTokens'>

/** How to measure so that the number can stand beside those of `option`; the standard way where that is not on record. */
export function choiceLike(option: ProtocolOption | undefined): PerplexityChoice {
  const { protocol, window, stride, streamTokens, text } = option?.protocol ?? {}
  const isKnown = (protocol === 'windows' || protocol === 'hqq') && typeof window === 'number' && text === 'bundled'
  if (!isKnown) return STANDARD_PERPLEXITY
  return {
    protocol,
    window,
    stride: typeof stride === 'number' ? stride : window,
    maxTokens: typeof streamTokens === 'number' ? streamTokens : null,
  }
}
