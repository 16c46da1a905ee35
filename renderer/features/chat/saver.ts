/**
 * Saves conversations one after the other, so that an older version never overwrites a newer one. Typing into a field asks
 * for "soon"; a question or an answer is saved at once. What failed stays pending until `retry`.
 */
import type { Conversation } from '../../../electron/contract/domain.ts'
import { type ErrorShape, toAppError } from '../../../electron/contract/errors.ts'

const SOON_MS = 400

export interface Saver {
  save(conversation: Conversation, when: 'now' | 'soon'): void
  retry(): void
  /** Forgets what is pending for `id` and resolves when no save of it is under way. */
  idle(id: string): Promise<void>
}

export function createSaver(deps: {
  save: (conversation: Conversation) => Promise<unknown>
  /** null: everything is saved. */
  onResult: (error: ErrorShape | null) => void
}): Saver {
  const pending = new Map<string, Conversation>()
  let timer: ReturnType<typeof setTimeout> | null = null
  let running: Promise<void> | null = null

  async function drain(): Promise<void> {
    try {
      for (let next = first(); next !== undefined; next = first()) {
        await deps.save(next)
        // Only when nothing newer came meanwhile.
        if (pending.get(next.id) === next) pending.delete(next.id)
      }
      deps.onResult(null)
    } catch (thrown) {
      deps.onResult(toAppError(thrown).toShape())
    }
  }

  function first(): Conversation | undefined {
    return pending.values().next().value
  }

  function start(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    running ??= drain().finally(() => {
      running = null
    })
  }

  return {
    save(conversation, when) {
      pending.set(conversation.id, conversation)
      if (when === 'now') start()
      else timer ??= setTimeout(start, SOON_MS)
    },
    retry: start,
    async idle(id) {
      pending.delete(id)
      await running
    },
  }
}
