import { Eye } from 'lucide-react'
import { navigate } from '../../client/route.ts'
import { useVisionDemos } from '../../client/use-vision-demos.ts'
import { Button } from '../../ui/button.tsx'

/** Below the library until the demo models that see are in it. */
export function DemoOffer() {
  const demos = useVisionDemos()
  if (demos.listed !== false) return null
  return (
    <section
      aria-label="Demo models that see"
      className="m-2 mt-auto flex shrink-0 flex-col items-start gap-2 rounded-lg border border-line bg-surface p-3 text-sm text-ink-2"
    >
      <p className="flex gap-2">
        <Eye aria-hidden className="mt-0.5 size-4 shrink-0 text-ink-3" strokeWidth={1.6} />
        Two small models that see pictures come with the app, with a tour of two minutes.
      </p>
      {demos.error && <p className="text-xs text-danger-text">{demos.error.message}</p>}
      <Button
        size="sm"
        pending={demos.pending}
        onClick={() => void demos.add().then((added) => added && navigate('vision', { model: 'demo-clip' }))}
      >
        Add them
      </Button>
    </section>
  )
}
