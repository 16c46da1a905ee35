/** The bar below a comparison: one press starts it, the same place stops it. */
import { Play, Square } from 'lucide-react'
import { Button } from './button.tsx'
import { ActionBar } from './page.tsx'

export interface RunBarProps {
  /** What starting does: `Ask both`. */
  label: string
  /** Left of it: what is missing before it can start. */
  hint?: string | null
  running: boolean
  canStart: boolean
  onStart(): void
  onStop(): void
}

export function RunBar({ label, hint = null, running, canStart, onStart, onStop }: RunBarProps) {
  return (
    <ActionBar>
      {hint !== null && <p className="mr-auto text-sm text-ink-3">{hint}</p>}
      {running ? (
        <Button size="lg" onClick={onStop}>
          <Square aria-hidden />
          Stop
        </Button>
      ) : (
        <Button variant="primary" size="lg" disabled={!canStart} onClick={onStart}>
          <Play aria-hidden />
          {label}
        </Button>
      )}
    </ActionBar>
  )
}
