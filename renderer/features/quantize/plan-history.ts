/** Undo and redo as values. Nothing here knows what a state holds. */
export interface History<S> {
  readonly past: readonly S[]
  readonly present: S
  readonly future: readonly S[]
}

/** More steps than anyone goes back; bounds the memory of long sessions. */
const MAX_STEPS = 200

export function newHistory<S>(present: S): History<S> {
  return { past: [], present, future: [] }
}

/** A new present; what had been undone is forgotten. */
export function record<S>(history: History<S>, next: S): History<S> {
  if (next === history.present) return history
  return { past: [...history.past, history.present].slice(-MAX_STEPS), present: next, future: [] }
}

export function undo<S>(history: History<S>): History<S> {
  const previous = history.past.at(-1)
  if (previous === undefined) return history
  return { past: history.past.slice(0, -1), present: previous, future: [history.present, ...history.future] }
}

export function redo<S>(history: History<S>): History<S> {
  const [next, ...future] = history.future
  if (next === undefined) return history
  return { past: [...history.past, history.present], present: next, future }
}
