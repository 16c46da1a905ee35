/** The cell under the pointer or the focus. Apart from React's state: no screen should render again for each cell passed over. */
import { useState } from 'react'
import { createStore, useStore } from 'zustand'
import type { CellNames } from './grid-model.ts'

export interface Pointed {
  /** For `BlockGrid`; always the same function. */
  point(names: CellNames | null): void
  readonly store: ReturnType<typeof createPointedStore>
}

const createPointedStore = () => createStore<{ names: CellNames | null }>(() => ({ names: null }))

/** One for each grid. */
export function useNewPointed(): Pointed {
  const [pointed] = useState((): Pointed => {
    const store = createPointedStore()
    return { store, point: (names) => store.setState({ names }) }
  })
  return pointed
}

/** Follows it: for the part of the screen that says what is there. */
export function usePointedNames({ store }: Pointed): CellNames | null {
  return useStore(store, ({ names }) => names)
}
