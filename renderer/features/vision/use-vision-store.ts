import { useStore } from 'zustand'
import type { AppClient } from '../../client/connection.ts'
import { useClient } from '../../client/context.tsx'
import { createVisionStore, type VisionState, type VisionStore } from './store.ts'

/** One store for each connection: what was found stays while another screen is shown. */
const stores = new WeakMap<AppClient, VisionStore>()

export function useVisionStore(): VisionStore {
  const client = useClient()
  const known = stores.get(client)
  if (known !== undefined) return known
  const store = createVisionStore(client)
  stores.set(client, store)
  return store
}

/** A part of the state; the component renders again when it changes. */
export function useVision<T>(store: VisionStore, select: (state: VisionState) => T): T {
  return useStore(store.state, select)
}
