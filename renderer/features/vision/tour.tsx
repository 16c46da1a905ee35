/** Two minutes with the demo models: look, quantize, look again. Each step is a press, and ticks itself off. */
import { Check, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { useStore } from 'zustand'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { cn } from '../../ui/cn.ts'
import type { VisionStore } from './store.ts'
import { useVision } from './use-vision-store.ts'

const HIDDEN = 'vision.tour-hidden'

export function tourHidden(): boolean {
  return localStorage.getItem(HIDDEN) === 'true'
}

export function rememberTour(hidden: boolean): void {
  localStorage.setItem(HIDDEN, String(hidden))
}

export interface TourProps {
  store: VisionStore
  models: readonly ModelSummary[]
  onShow(view: 'pictures' | 'folder'): void
  onClose(): void
}

/** Few enough to look at, and labels enough to choose from. */
const PICTURES = 8
const LABELS = 12

export function Tour({ store, models, onShow, onClose }: TourProps) {
  const client = useClient()
  const pictures = useVision(store, (state) => state.pictures)
  const classified = useStore(store.classifying.store, ({ results }) => results)
  const measured = useStore(store.measuring.store, ({ results }) => results)
  const made = models.filter(({ quantization }) => quantization?.sourceModelId === 'demo-clip')

  const look = useAction(async () => {
    const { samples } = await client.call('vision.samples', {})
    if (samples === null) return
    const { images } = await client.call('images.list', { dir: samples.dir, labels: samples.labels })
    const labelled = images.filter(({ label }) => label !== null)
    store.addPaths(labelled.slice(0, PICTURES))
    store.setLabels([...new Set(labelled.map(({ label }) => label))].slice(0, LABELS).join('\n'))
    navigate('vision', { model: 'demo-clip' })
    onShow('pictures')
  })
  const measure = useAction(async () => {
    const { samples } = await client.call('vision.samples', {})
    if (samples === null) return
    store.setFolder({ dir: samples.dir, labels: samples.labels })
    navigate('vision', { model: 'demo-clip' })
    onShow('folder')
  })
  const seesAgain = made.some(({ id }) => classified[id] !== undefined || measured[id] !== undefined)
  const error = look.error ?? measure.error
  return (
    <section aria-label="Tour" className="border-b border-line bg-canvas px-5 py-3">
      <div className="flex items-center gap-2 pb-2">
        <h2 className="flex-1 text-sm font-semibold text-ink">Two minutes with the demo models</h2>
        <IconButton size="sm" label="Close the tour" icon={X} onClick={onClose} />
      </div>
      <ol className="grid gap-x-6 gap-y-2 grid-cols-2 xl:grid-cols-4">
        <Step done={pictures.length > 0} title="Look">
          <Button size="sm" pending={look.pending} onClick={() => void look.run()}>
            Take the demo pictures
          </Button>
          <span>and press Classify: what does Demo CLIP see?</span>
        </Step>
        <Step done={made.length > 0} title="Quantize">
          <Button size="sm" onClick={() => navigate('quantize', { model: 'demo-clip' })}>
            Plan Demo CLIP
          </Button>
          <span>with the preset 3-bit: under a third of the size.</span>
        </Step>
        <Step done={seesAgain} title="Look again">
          <Button size="sm" pending={measure.pending} onClick={() => void measure.run()}>
            Take the labelled folder
          </Button>
          <span>and measure: which pictures changed their answer?</span>
        </Step>
        <Step done={false} title="Ask">
          <Button size="sm" onClick={() => navigate('chat', { model: 'demo-llava' })}>
            Chat with Demo LLaVA
          </Button>
          <span>and drop a picture there: “What is in this picture?”</span>
        </Step>
      </ol>
      {error && <ErrorView error={error} className="mt-3" />}
    </section>
  )
}

function Step({ done, title, children }: { done: boolean; title: string; children: ReactNode }) {
  return (
    <li className="flex min-w-0 gap-2 text-sm text-ink-2">
      <span
        className={cn(
          'mt-0.5 flex size-4 shrink-0 items-center justify-center rounded-full',
          done ? 'bg-ok-soft text-ok-text' : 'shadow-[inset_0_0_0_1px_var(--line-strong)]',
        )}
      >
        {done && <Check role="img" aria-label="done" className="size-3" strokeWidth={3} />}
      </span>
      <span className="flex min-w-0 flex-col items-start gap-1">
        <span className="font-medium text-ink">{title}</span>
        {children}
      </span>
    </li>
  )
}
