/** State of the Vision screen, without React: the pictures that are looked at, the labels, the folder, and what versions said. */
import { createStore, type StoreApi } from 'zustand/vanilla'
import { type ErrorShape, toAppError } from '../../../electron/contract/errors.ts'
import { type AccuracyResult, DEFAULT_PROMPT_TEMPLATE, type ImageRef } from '../../../electron/contract/vision.ts'
import { addPicture } from '../../client/add-picture.ts'
import type { AppClient } from '../../client/connection.ts'
import { createStreamRun, type StreamRun } from '../../client/stream-run.ts'
import { createSeries, type Series } from './series.ts'

export interface ShownPicture {
  readonly key: string
  readonly name: string
  /** Null while it is on its way to the app, and when it cannot be read. */
  readonly image: ImageRef | null
  readonly error: ErrorShape | null
}

/** Null labels: each subfolder is one. */
export interface Folder {
  readonly dir: string
  readonly labels: string | null
}

export interface VisionState {
  readonly pictures: readonly ShownPicture[]
  readonly selected: string | null
  /** As typed. */
  readonly labels: string
  readonly template: string
  readonly folder: Folder | null
}

/** The pictures of a classification in the order of its results. */
export interface Asked {
  readonly keys: readonly string[]
  readonly images: readonly ImageRef[]
  readonly labels: readonly string[]
  readonly template: string
}

/** By key of the picture. */
export interface Said {
  readonly shares: Readonly<Record<string, readonly number[]>>
  readonly problems: Readonly<Record<string, ErrorShape>>
}

export type Measuring = Folder & { readonly template: string }

export interface SearchProgress {
  readonly done: number
  readonly total: number
  /** Pictures that cannot be read, by their place among those that were asked for. */
  readonly problems: readonly { readonly index: number; readonly error: ErrorShape }[]
}

export interface VisionStore {
  readonly state: StoreApi<VisionState>
  readonly classifying: Series<Asked, Said>
  readonly measuring: Series<Measuring, AccuracyResult>
  readonly searching: StreamRun<'vision.search', SearchProgress>
  addFiles(files: readonly File[]): Promise<void>
  addPaths(pictures: readonly { path: string; name: string }[]): void
  remove(key: string): void
  clear(): void
  select(key: string): void
  setLabels(text: string): void
  setTemplate(text: string): void
  setFolder(folder: Folder): void
}

export function createVisionStore(client: AppClient): VisionStore {
  const state = createStore<VisionState>(() => ({
    pictures: [],
    selected: null,
    labels: '',
    template: DEFAULT_PROMPT_TEMPLATE,
    folder: null,
  }))
  let counted = 0

  function show(added: readonly ShownPicture[]): void {
    const { pictures, selected } = state.getState()
    state.setState({ pictures: [...pictures, ...added], selected: selected ?? added[0]?.key ?? null })
  }

  function change(key: string, changes: Partial<ShownPicture>): void {
    const { pictures } = state.getState()
    state.setState({ pictures: pictures.map((one) => (one.key === key ? { ...one, ...changes } : one)) })
  }

  const classifying = createSeries<Asked, Said>(async (asked, modelId, { signal, progress, partial }) => {
    let said: Said = { shares: {}, problems: {} }
    const { images, labels, template, keys } = asked
    await client.stream(
      'vision.classify',
      { modelId, images: [...images], labels: [...labels], template },
      {
        signal,
        onEvent(event) {
          if (event.type === 'loading') return
          const key = keys[event.index] ?? ''
          said =
            event.type === 'problem'
              ? { ...said, problems: { ...said.problems, [key]: event.error } }
              : { ...said, shares: { ...said.shares, [key]: event.probabilities } }
          progress(Object.keys(said.shares).length + Object.keys(said.problems).length, images.length)
          partial(said)
        },
      },
    )
    return said
  })

  const measuring = createSeries<Measuring, AccuracyResult>((asked, modelId, { signal, progress }) =>
    client.stream(
      'vision.accuracy',
      { modelId, ...asked },
      { signal, onEvent: ({ done, total }) => progress(done, total) },
    ),
  )

  return {
    state,
    classifying,
    measuring,
    searching: createStreamRun<'vision.search', SearchProgress>(client, {
      method: 'vision.search',
      initial: { done: 0, total: 0, problems: [] },
      reduce(before, event) {
        if (event.type === 'progress') return { ...before, done: event.done, total: event.total }
        if (event.type === 'problem') {
          return { ...before, problems: [...before.problems, { index: event.index, error: event.error }] }
        }
        return before
      },
    }),
    async addFiles(files) {
      const added = files.map((file) => ({ key: `dropped-${++counted}`, name: file.name, image: null, error: null }))
      show(added)
      // One after the other: each is held whole while it is sent.
      for (const [at, file] of files.entries()) {
        const key = added[at]?.key ?? ''
        try {
          const { id } = await addPicture(client, file)
          change(key, { image: { kind: 'stored', id } })
        } catch (thrown) {
          change(key, { error: toAppError(thrown).toShape() })
        }
      }
    },
    addPaths(pictures) {
      const known = new Set(state.getState().pictures.map(({ key }) => key))
      const added = pictures.filter(({ path }) => !known.has(path))
      show(added.map(({ path, name }) => ({ key: path, name, image: { kind: 'file' as const, path }, error: null })))
    },
    remove(key) {
      const { pictures, selected } = state.getState()
      const at = pictures.findIndex((one) => one.key === key)
      const left = pictures.filter((one) => one.key !== key)
      const next = left[Math.min(at, left.length - 1)]?.key ?? null
      state.setState({ pictures: left, selected: selected === key ? next : selected })
    },
    clear() {
      classifying.forget()
      state.setState({ pictures: [], selected: null })
    },
    select: (selected) => state.setState({ selected }),
    setLabels: (labels) => state.setState({ labels }),
    setTemplate: (template) => state.setState({ template }),
    setFolder(folder) {
      measuring.forget()
      state.setState({ folder })
    },
  }
}
