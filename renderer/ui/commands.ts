/** What the palette offers. Screens add their own commands while they are shown. */
import { useEffect, useRef } from 'react'
import { createStore } from 'zustand/vanilla'

export interface Command {
  /** Unique and stable. */
  readonly id: string
  readonly label: string
  readonly group: string
  /** Keys that do the same. */
  readonly keys?: string
  /** More words to find it by. */
  readonly keywords?: readonly string[]
  run(): void
}

export const commandStore = createStore<{ commands: readonly Command[] }>(() => ({ commands: [] }))

/** Commands that live as long as the component. */
export function useCommands(commands: readonly Command[]): void {
  const latest = useRef(commands)
  useEffect(() => {
    latest.current = commands
  })
  const shape = JSON.stringify(
    commands.map(({ id, label, group, keys, keywords }) => ({ id, label, group, keys, keywords })),
  )
  // The shape is what the palette shows; `run` is always read from the latest render.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    const mine = latest.current.map((command) => ({
      ...command,
      run: () => latest.current.find(({ id }) => id === command.id)?.run(),
    }))
    const ids = new Set(mine.map(({ id }) => id))
    commandStore.setState(({ commands: others }) => ({
      commands: [...others.filter(({ id }) => !ids.has(id)), ...mine],
    }))
    return () =>
      commandStore.setState(({ commands: all }) => ({ commands: all.filter((entry) => !mine.includes(entry)) }))
  }, [shape])
}
