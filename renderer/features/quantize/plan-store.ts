/**
 * What a person has chosen for each model, with undo and the selection in the grid. Without React; one plan per model, kept
 * while the window lives, so that looking at another screen loses nothing.
 */
import { createStore, type StoreApi } from 'zustand/vanilla'
import type { LinearInfo } from '../../../electron/contract/domain.ts'
import type { Choice, ComputeDtype, QuantConfig } from '../../../electron/contract/quant.ts'
import { KEEP, sameChoice } from '../../../electron/plan/choices.ts'
import { configFromChoices } from '../../../electron/plan/compact.ts'
import { compileGlob } from '../../../electron/plan/glob.ts'
import { decide } from '../../../electron/plan/resolve.ts'
import type { ChoiceEdit } from './choice-edits.ts'
import { type History, newHistory, record, redo, undo } from './plan-history.ts'

/** One step of the history. */
export interface PlanStep {
  readonly choices: ReadonlyMap<string, Choice>
  readonly computeDtype: ComputeDtype
  /** The preset these choices are exactly; null once edited. */
  readonly presetId: string | null
}

export interface Plan {
  readonly modelId: string
  readonly linears: readonly LinearInfo[]
  readonly history: History<PlanStep>
  readonly selected: ReadonlySet<string>
  /** Layers that a budget leaves alone. */
  readonly pinned: ReadonlySet<string>
}

export interface PlanState {
  readonly plans: Readonly<Record<string, Plan>>
}

export interface PlanStore {
  readonly state: StoreApi<PlanState>
  /** Begins a plan with `config` unless the model has one; throws what `decide` throws. */
  open(modelId: string, linears: readonly LinearInfo[], config: QuantConfig, presetId: string | null): void
  /** Replaces all choices, as one step. Throws `bad-input` for a rule that matches nothing here. */
  apply(modelId: string, config: QuantConfig, presetId: string | null): void
  /** Replaces the choices of these layers, as one step. */
  choose(modelId: string, choices: ReadonlyMap<string, Choice>): void
  /** Pins them, or unpins them when all of them are pinned. */
  togglePins(modelId: string, names: Iterable<string>): void
  clearPins(modelId: string): void
  edit(modelId: string, names: Iterable<string>, change: ChoiceEdit): void
  setComputeDtype(modelId: string, dtype: ComputeDtype): void
  /** The choices are this preset, e.g. because they were just saved as it. */
  markPreset(modelId: string, presetId: string): void
  select(modelId: string, names: readonly string[], mode: 'replace' | 'add' | 'toggle'): void
  /** Selects what the glob matches; returns how many. Throws `bad-input` for a malformed pattern. */
  selectMatching(modelId: string, pattern: string): number
  undo(modelId: string): void
  redo(modelId: string): void
}

export function createPlanStore(): PlanStore {
  const state = createStore<PlanState>(() => ({ plans: {} }))

  function update(modelId: string, change: (plan: Plan) => Plan): void {
    const plan = state.getState().plans[modelId]
    if (plan === undefined) return
    const next = change(plan)
    if (next !== plan) state.setState(({ plans }) => ({ plans: { ...plans, [modelId]: next } }))
  }

  function step(modelId: string, change: (step: PlanStep, plan: Plan) => PlanStep): void {
    update(modelId, (plan) => {
      const history = record(plan.history, change(plan.history.present, plan))
      return history === plan.history ? plan : { ...plan, history }
    })
  }

  return {
    state,
    open(modelId, linears, config, presetId) {
      const existing = state.getState().plans[modelId]
      if (existing !== undefined && sameNames(existing.linears, linears)) return
      const first = { choices: choicesOf(config, linears), computeDtype: config.computeDtype, presetId }
      const plan: Plan = { modelId, linears, history: newHistory(first), selected: new Set(), pinned: new Set() }
      state.setState(({ plans }) => ({ plans: { ...plans, [modelId]: plan } }))
    },
    apply(modelId, config, presetId) {
      step(modelId, (_, { linears }) => ({
        choices: choicesOf(config, linears),
        computeDtype: config.computeDtype,
        presetId,
      }))
    },
    choose(modelId, chosen) {
      step(modelId, (present) => ({ ...present, choices: new Map([...present.choices, ...chosen]), presetId: null }))
    },
    togglePins(modelId, names) {
      update(modelId, (plan) => ({ ...plan, pinned: selection(plan.pinned, [...names], 'toggle') }))
    },
    clearPins(modelId) {
      update(modelId, (plan) => ({ ...plan, pinned: new Set() }))
    },
    edit(modelId, names, change) {
      step(modelId, (present) => {
        const choices = new Map(present.choices)
        let changed = false
        for (const name of names) {
          const before = choices.get(name)
          if (before === undefined) continue
          const after = change(before)
          if (sameChoice(before, after)) continue
          choices.set(name, after)
          changed = true
        }
        return changed ? { ...present, choices, presetId: null } : present
      })
    },
    setComputeDtype(modelId, computeDtype) {
      step(modelId, (present) =>
        present.computeDtype === computeDtype ? present : { ...present, computeDtype, presetId: null },
      )
    },
    markPreset(modelId, presetId) {
      update(modelId, (plan) => ({
        ...plan,
        history: { ...plan.history, present: { ...plan.history.present, presetId } },
      }))
    },
    select(modelId, names, mode) {
      update(modelId, (plan) => ({ ...plan, selected: selection(plan.selected, names, mode) }))
    },
    selectMatching(modelId, pattern) {
      const matches = compileGlob(pattern)
      const plan = state.getState().plans[modelId]
      const names = plan?.linears.map(({ name }) => name).filter((name) => matches(name)) ?? []
      if (names.length > 0) update(modelId, (current) => ({ ...current, selected: new Set(names) }))
      return names.length
    },
    undo(modelId) {
      update(modelId, (plan) => ({ ...plan, history: undo(plan.history) }))
    },
    redo(modelId) {
      update(modelId, (plan) => ({ ...plan, history: redo(plan.history) }))
    },
  }
}

/** The shortest configuration that means these choices, for starting, saving and exporting. */
export function configOf({ choices, computeDtype }: PlanStep): QuantConfig {
  return configFromChoices(choices, computeDtype)
}

function choicesOf(config: QuantConfig, linears: readonly LinearInfo[]): Map<string, Choice> {
  const decisions = decide(config, linears)
  return new Map(linears.map(({ name }) => [name, decisions.get(name)?.choice ?? KEEP]))
}

/** Toggling takes all of `names` away when all are selected, and adds them otherwise. */
function selection(
  selected: ReadonlySet<string>,
  names: readonly string[],
  mode: 'replace' | 'add' | 'toggle',
): ReadonlySet<string> {
  if (mode === 'replace') return new Set(names)
  const next = new Set(selected)
  const removes = mode === 'toggle' && names.every((name) => next.has(name))
  for (const name of names) {
    if (removes) next.delete(name)
    else next.add(name)
  }
  return next
}

function sameNames(a: readonly LinearInfo[], b: readonly LinearInfo[]): boolean {
  return a.length === b.length && a.every(({ name }, index) => name === b[index]?.name)
}
