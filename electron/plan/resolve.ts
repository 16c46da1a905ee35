/**
 * From a configuration to what every linear layer gets. Rules are never ignored in silence: one that matches nothing is an
 * error, and so is a group size that does not divide a matrix it is meant for.
 */
import { AppError } from '../contract/errors.ts'
import type { Choice, ComputeDtype, QuantConfig, ResolvedTensor } from '../contract/quant.ts'
import { compileGlob } from './glob.ts'
import { dtypeBytes, metadataBytes, packedBytes, specProblem } from './packing.ts'
import { keptByDefault } from './tags.ts'

/** What planning needs to know of a linear layer; the contract's LinearInfo has it. */
export interface PlanLinear {
  readonly name: string
  readonly shape: readonly [number, number]
  readonly sourceBytes: number
}

export interface Decision {
  readonly choice: Choice
  /** The rule pattern that decided, `base`, or why neither did. */
  readonly decidedBy: string
}

export const DECIDED_BY_BASE = 'base'
export const DECIDED_BY_DEFAULT = 'kept by default'

/** Choices by module name, in the order of `linears`. Later rules win. Throws `bad-input` for a rule that matches nothing. */
export function decide(config: QuantConfig, linears: readonly Pick<PlanLinear, 'name'>[]): Map<string, Decision> {
  const rules = config.rules.map((rule) => ({ ...rule, matches: compileGlob(rule.pattern), used: false }))
  const decisions = new Map<string, Decision>()
  for (const { name } of linears) {
    let decision: Decision = keptByDefault(name)
      ? { choice: { kind: 'keep' }, decidedBy: DECIDED_BY_DEFAULT }
      : { choice: config.base, decidedBy: DECIDED_BY_BASE }
    for (const rule of rules) {
      if (!rule.matches(name)) continue
      rule.used = true
      decision = { choice: rule.choice, decidedBy: rule.pattern }
    }
    decisions.set(name, decision)
  }
  const unused = rules.filter((rule) => !rule.used).map((rule) => rule.pattern)
  if (unused.length > 0) {
    throw new AppError(
      'bad-input',
      `No linear layer of this model has a name like ${unused.map((pattern) => `"${pattern}"`).join(' or ')}. ` +
        `Change or remove the rule; names look like "${linears[0]?.name ?? 'model.layers.0.self_attn.q_proj'}".`,
      { patterns: unused },
    )
  }
  return decisions
}

/** Whether every rule of a configuration matches some layer of this model. */
export function suits(config: QuantConfig, linears: readonly Pick<PlanLinear, 'name'>[]): boolean {
  return config.rules.every(({ pattern }) => {
    const matches = compileGlob(pattern)
    return linears.some(({ name }) => matches(name))
  })
}

/** The whole table with costs. Throws `bad-input` for what `decide` throws and for a choice that a matrix cannot have. */
export function resolveConfig(config: QuantConfig, linears: readonly PlanLinear[]): ResolvedTensor[] {
  const decisions = decide(config, linears)
  const table = linears.map((linear) => {
    const decision = decisions.get(linear.name) ?? { choice: config.base, decidedBy: DECIDED_BY_BASE }
    return priceLinear(linear, decision, config.computeDtype)
  })
  assertPossible(table)
  return table
}

/** One row of the table. Kept matrices are saved in the compute dtype. */
export function priceLinear(linear: PlanLinear, decision: Decision, dtype: ComputeDtype): ResolvedTensor {
  const { choice, decidedBy } = decision
  const numel = linear.shape[0] * linear.shape[1]
  const metadata = choice.kind === 'quantize' ? metadataBytes(linear.shape, choice.spec, dtype) : 0
  const bytes =
    choice.kind === 'quantize' ? packedBytes(linear.shape, choice.spec) + metadata : numel * dtypeBytes(dtype)
  return {
    name: linear.name,
    shape: [...linear.shape],
    choice,
    decidedBy,
    sourceBytes: linear.sourceBytes,
    bytes,
    metadataBytes: metadata,
    bitsPerWeight: (bytes * 8) / numel,
  }
}

/** Throws `bad-input` naming the first matrices that cannot have what they were given, with the divisors near it. */
export function assertPossible(table: readonly ResolvedTensor[]): void {
  const problems = planProblems(table)
  const [first] = problems
  if (first === undefined) return
  const more = problems.length > 1 ? ` The same is wrong with ${problems.length - 1} more.` : ''
  throw new AppError('bad-input', first + more, { problems: problems.slice(0, 20) })
}

export function planProblems(table: readonly ResolvedTensor[]): string[] {
  const problems: string[] = []
  for (const { name, shape, choice } of table) {
    if (choice.kind !== 'quantize') continue
    const problem = specProblem(name, [shape[0] ?? 0, shape[1] ?? 0], choice.spec)
    if (problem !== null) problems.push(problem)
  }
  return problems
}
