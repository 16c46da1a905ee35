import { useStore } from 'zustand'
import { createPlanStore, type Plan } from './plan-store.ts'

/** Plans live as long as the page: another screen may be shown meanwhile. */
const store = createPlanStore()

export function usePlanStore() {
  return store
}

/** The plan for a model; undefined until it is opened. */
export function usePlan(modelId: string | null): Plan | undefined {
  return useStore(store.state, (state) => (modelId === null ? undefined : state.plans[modelId]))
}
