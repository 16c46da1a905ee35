/** Bits, groups and metadata for each layer so that a budget is kept and the predicted loss is least. Runs live in the window. */

import { AppError } from '../contract/errors.ts'
import type { Choice, ComputeDtype } from '../contract/quant.ts'
import type { LayerSensitivity, SensitivityTable } from '../contract/sensitivity.ts'
import { KEEP } from './choices.ts'
import { estimateChoices, type PlanModel, type PlanSituation } from './estimate.ts'
import { divergenceScale, type PredictedQuality, predictQuality, sensitivityByName } from './predict.ts'
import { priceLinear } from './resolve.ts'
import { runtimeBytes } from './runtime-layout.ts'
import { type Option, spend } from './spend.ts'
import { formatDisk, formatMemory, significant } from './units.ts'

/** Bits per weight over the layers of the table; bytes of the saved weights; bytes of memory to run at the situation's context. */
export type Budget = { readonly kind: 'bits' | 'file' | 'memory'; readonly value: number }

export interface BudgetProblem {
  model: PlanModel
  table: SensitivityTable
  computeDtype: ComputeDtype
  situation: PlanSituation
  /** Layers that keep what they have, by name. */
  pinned?: ReadonlyMap<string, Choice>
}

export interface BudgetResult {
  /** For every linear layer of the model. */
  choices: Map<string, Choice>
  quality: PredictedQuality
  /** Over the layers of the table. */
  bitsPerWeight: number
  fileBytes: number
  memoryBytes: number
}

/** Throws `bad-input` when even the fewest bits exceed the budget, saying what they take. */
export function optimize(problem: BudgetProblem, budget: Budget): BudgetResult {
  const { model, table, pinned = new Map<string, Choice>(), situation } = problem
  const free = table.layers.filter(({ name }) => !pinned.has(name) && shapeOf(model, name) !== null)
  const items = free.map((layer) => optionsOf(problem, layer, budget.kind))
  const withChoices = (indices: readonly number[]) =>
    priceChoices(problem, [
      ...pinned,
      ...free.map(({ name, candidates }, at) => [name, choiceAt(candidates, indices[at] ?? 0)] as const),
    ])
  const cheapest = items.map(cheapestOf)
  const least = withChoices(cheapest)
  const leastCost = items.reduce((sum, options, at) => sum + (options[cheapest[at] ?? 0]?.cost ?? 0), 0)
  // What the free layers may cost: everything else stays as it is in the cheapest plan.
  const found = spend(items, leastCost + allowed(problem, budget, least) * (1 + ROUNDING))
  if (found === null) throw tooSmall(budget, least, situation.contextLength)
  return withChoices(found.chosen)
}

/** The best plans from the fewest bits to the most, and what each candidate gives when every layer has it. */
export function frontier(problem: BudgetProblem, kind: Budget['kind'], steps = 24): BudgetResult[] {
  const low = priceOf(optimizeAtEnds(problem, 'least'), kind)
  const high = priceOf(optimizeAtEnds(problem, 'most'), kind)
  const results: BudgetResult[] = []
  for (let step = 0; step <= steps; step++) {
    // Evenly in the logarithm: most of the change is at the cheap end.
    const value = low * (high / low) ** (step / steps)
    results.push(optimize(problem, { kind, value: value * (1 + ROUNDING) }))
  }
  return results
}

/** Plans in which every layer of the table has the same candidate, as far as all of them can. */
export function uniformPlans(problem: BudgetProblem): { label: string; result: BudgetResult }[] {
  const { table, model } = problem
  const layers = table.layers.filter(({ name }) => shapeOf(model, name) !== null)
  const labels = new Map<string, number>()
  for (const { candidates } of layers) {
    for (const { spec } of candidates) {
      const label = `${spec.nbits}-bit g${spec.groupSize}${spec.quantZero ? ', 8-bit metadata' : ''}`
      labels.set(label, (labels.get(label) ?? 0) + 1)
    }
  }
  return [...labels]
    .filter(([, count]) => count === layers.length)
    .map(([label]) => {
      const choices = layers.map(({ name, candidates }): [string, Choice] => {
        const index = candidates.findIndex(
          ({ spec }) => `${spec.nbits}-bit g${spec.groupSize}${spec.quantZero ? ', 8-bit metadata' : ''}` === label,
        )
        return [name, choiceAt(candidates, index)]
      })
      return { label, result: priceChoices(problem, choices) }
    })
}

/** What a plan counts against a budget of that kind. */
export function priceOf(result: BudgetResult, kind: Budget['kind']): number {
  return kind === 'bits' ? result.bitsPerWeight : kind === 'file' ? result.fileBytes : result.memoryBytes
}

/** A whole plan from the choices of some layers: the rest is kept. */
export function priceChoices(
  problem: BudgetProblem,
  chosen: Iterable<readonly [name: string, choice: Choice]>,
): BudgetResult {
  const { model, table, computeDtype, situation } = problem
  const choices = new Map<string, Choice>(model.linears.map(({ name }) => [name, KEEP]))
  for (const [name, choice] of chosen) choices.set(name, choice)
  const estimate = estimateChoices(model, choices, computeDtype, situation)
  const layers = sensitivityByName(table)
  const counted = estimate.table.filter(({ name }) => layers.has(name))
  const bytes = counted.reduce((sum, row) => sum + row.bytes, 0)
  const weights = counted.reduce((sum, { shape }) => sum + (shape[0] ?? 0) * (shape[1] ?? 0), 0)
  return {
    choices,
    quality: predictQuality(choices, layers),
    bitsPerWeight: weights === 0 ? 0 : (bytes * 8) / weights,
    fileBytes: estimate.fileBytes,
    memoryBytes: estimate.runTotalBytes,
  }
}

/** Sums of many bytes as floating-point numbers. */
const ROUNDING = 1e-9

function optimizeAtEnds(problem: BudgetProblem, end: 'least' | 'most'): BudgetResult {
  const { table, model, pinned = new Map<string, Choice>() } = problem
  const free = table.layers.filter(({ name }) => !pinned.has(name) && shapeOf(model, name) !== null)
  const ends = free.map((layer): [string, Choice] => {
    const options = optionsOf(problem, layer, 'bits')
    return [layer.name, choiceAt(layer.candidates, end === 'least' ? cheapestOf(options) : dearestOf(options))]
  })
  return priceChoices(problem, [...pinned, ...ends])
}

function optionsOf(problem: BudgetProblem, layer: LayerSensitivity, kind: Budget['kind']): Option[] {
  const { model, computeDtype } = problem
  const shape = shapeOf(model, layer.name) ?? [0, 0]
  const scale = divergenceScale(layer)
  return layer.candidates.map(({ spec, weightedError }) => {
    const choice: Choice = { kind: 'quantize', spec }
    const running = runtimeBytes(shape, spec, computeDtype)
    const stored = priceLinear({ name: layer.name, shape, sourceBytes: 0 }, { choice, decidedBy: '' }, computeDtype)
    return {
      cost: kind === 'memory' ? running.weights + running.metadata : stored.bytes,
      loss: scale * weightedError,
    }
  })
}

/** Bytes that may be spent beyond the cheapest plan. */
function allowed({ table, model }: BudgetProblem, budget: Budget, least: BudgetResult): number {
  const over = budget.value - priceOf(least, budget.kind)
  if (budget.kind !== 'bits') return over
  const weights = table.layers.reduce((sum, { name }) => {
    const shape = shapeOf(model, name)
    return shape === null ? sum : sum + shape[0] * shape[1]
  }, 0)
  return (over * weights) / 8
}

function cheapestOf(options: readonly Option[]): number {
  return extreme(options, (a, b) => a.cost - b.cost || a.loss - b.loss)
}

function dearestOf(options: readonly Option[]): number {
  return extreme(options, (a, b) => a.loss - b.loss || a.cost - b.cost)
}

function extreme(options: readonly Option[], before: (a: Option, b: Option) => number): number {
  let best = 0
  options.forEach((option, index) => {
    if (before(option, options[best] ?? option) < 0) best = index
  })
  return best
}

function choiceAt(candidates: LayerSensitivity['candidates'], index: number): Choice {
  const spec = candidates[index]?.spec
  return spec === undefined ? KEEP : { kind: 'quantize', spec }
}

/** Looked up for every layer and budget; the list of a model does not change. */
const SHAPES = new WeakMap<PlanModel['linears'], Map<string, readonly [number, number]>>()

function shapeOf({ linears }: PlanModel, name: string): readonly [number, number] | null {
  let shapes = SHAPES.get(linears)
  if (shapes === undefined) {
    shapes = new Map(linears.map((linear) => [linear.name, linear.shape]))
    SHAPES.set(linears, shapes)
  }
  return shapes.get(name) ?? null
}

function tooSmall({ kind, value }: Budget, least: BudgetResult, contextLength: number): AppError {
  const price = priceOf(least, kind)
  const sizes = {
    bits: [`${significant(value)} bits per weight`, `${significant(price)}`],
    file: [formatDisk(value), formatDisk(price)],
    memory: [`${formatMemory(value)} at ${contextLength} tokens`, formatMemory(price)],
  }
  const [wanted, needed] = sizes[kind]
  return new AppError(
    'bad-input',
    `${wanted} is too little: with the fewest bits measured for each layer it takes ${needed}. Choose a larger budget.`,
  )
}
