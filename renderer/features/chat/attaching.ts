/** Pictures that go with the next question: each is sent to the app as it comes, which says at once what is wrong with it. */
import type { StoreApi } from 'zustand/vanilla'
import { type ErrorShape, toAppError } from '../../../electron/contract/errors.ts'
import type { StoredImage } from '../../../electron/contract/vision.ts'
import { addPicture } from '../../client/add-picture.ts'
import type { AppClient } from '../../client/connection.ts'
import type { ChatState } from './store.ts'

export interface Attached {
  readonly key: string
  readonly name: string
  /** Null while it is on its way, and when it cannot be read. */
  readonly image: StoredImage | null
  readonly error: ErrorShape | null
}

export interface Attaching {
  attach(conversationId: string, files: readonly File[]): Promise<void>
  detach(conversationId: string, key: string): void
  /** Those that can be shown; none are left. */
  take(conversationId: string): StoredImage[]
}

export function createAttaching(deps: {
  client: AppClient
  state: StoreApi<ChatState>
  newId: () => string
}): Attaching {
  const { client, state, newId } = deps

  function change(id: string, edit: (all: readonly Attached[]) => readonly Attached[]): void {
    state.setState(({ attached }) => ({ attached: { ...attached, [id]: edit(attached[id] ?? []) } }))
  }

  return {
    async attach(id, files) {
      const added = files.map((file) => ({ key: newId(), name: file.name, image: null, error: null }))
      change(id, (all) => [...all, ...added])
      for (const [at, file] of files.entries()) {
        const key = added[at]?.key
        const settle = (found: Partial<Attached>) =>
          change(id, (all) => all.map((one) => (one.key === key ? { ...one, ...found } : one)))
        try {
          settle({ image: await addPicture(client, file) })
        } catch (thrown) {
          settle({ error: toAppError(thrown).toShape() })
        }
      }
    },
    detach: (id, key) => change(id, (all) => all.filter((one) => one.key !== key)),
    take(id) {
      const images = (state.getState().attached[id] ?? []).flatMap(({ image }) => (image === null ? [] : [image]))
      change(id, () => [])
      return images
    },
  }
}

/** Whether all are there and can be read. */
export function settled(attached: readonly Attached[]): boolean {
  return attached.every(({ image }) => image !== null)
}
