/** The experts of a mixture, counted from the names of their layers: `....experts.3.w1`. */

/** Everything up to the expert's number; null for layers that are no expert's. */
const EXPERT = /^.*\.experts\.\d+(?=\.)/

export function expertOf(name: string): string | null {
  return EXPERT.exec(name)?.[0] ?? null
}

export interface ExpertTotals {
  /** Experts of all blocks together. */
  readonly count: number
  readonly parameters: number
  readonly bytes: number
}

/** Null for models without experts. `bytes` of a layer are those that the caller is interested in: stored or planned. */
export function expertTotals(
  layers: readonly { name: string; shape: readonly number[]; bytes: number }[],
): ExpertTotals | null {
  const experts = new Set<string>()
  let parameters = 0
  let bytes = 0
  for (const layer of layers) {
    const expert = expertOf(layer.name)
    if (expert === null) continue
    experts.add(expert)
    parameters += layer.shape.reduce((product, size) => product * size, 1)
    bytes += layer.bytes
  }
  return experts.size === 0 ? null : { count: experts.size, parameters, bytes }
}
