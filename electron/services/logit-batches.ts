/** How texts are cut so that the logits of what is worked on at a time stay within a size. */

/** One version on one text, in disjoint windows. */
export interface DivergenceTask {
  /** Index of the version; 0 is the reference. */
  model: number
  ids: readonly number[]
  window: number
}

/** Some windows of a text. */
export interface Piece {
  ids: readonly number[]
  window: number
  /** Index in the whole text of the first id. */
  begin: number
  /** Those that read it, by their indices. */
  tasks: readonly number[]
}

export function windowsIn({ ids, window }: Pick<DivergenceTask, 'ids' | 'window'>): number {
  return Math.floor(ids.length / window)
}

/** Runs of whole windows, gathered into batches whose logits take at most `maxBytes`, but one window at least. */
export function batchesOf(tasks: readonly DivergenceTask[], vocabSize: number, maxBytes: number): Piece[][] {
  const batches: Piece[][] = []
  let room = 0
  for (const { ids, window, readers } of textsOf(tasks)) {
    const windowBytes = (window - 1) * vocabSize * 4
    const windows = windowsIn({ ids, window })
    for (let at = 0; at < windows; ) {
      if (room < windowBytes) {
        batches.push([])
        room = maxBytes
      }
      const count = Math.max(1, Math.min(windows - at, Math.floor(room / windowBytes)))
      const begin = at * window
      batches.at(-1)?.push({ ids: ids.slice(begin, begin + count * window), window, begin, tasks: readers })
      room -= count * windowBytes
      at += count
    }
  }
  return batches
}

/** Each text once, with those that read it. */
function textsOf(tasks: readonly DivergenceTask[]) {
  const texts = new Map<readonly number[], { ids: readonly number[]; window: number; readers: number[] }>()
  for (const [index, { ids, window }] of tasks.entries()) {
    const text = texts.get(ids)
    if (text?.window === window) text.readers.push(index)
    else texts.set(ids, { ids, window, readers: [index] })
  }
  return texts.values()
}
