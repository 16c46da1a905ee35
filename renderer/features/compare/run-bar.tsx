/** The bar below a comparison: one press starts it, the same place stops it. */
import { Play, Square } from 'lucide-react'
import { Button } from '../../ui/button.tsx'
import { ActionBar } from '../../ui/page.tsx'

export interface RunBarProps {
  /** What starting does: `Ask both`. */
  label: string
  running: boolean
  canStart: boolean
  onStart(): void
  onStop(): void
}

export function RunBar({ label, running, canStart, onStart, onStop }: RunBarProps) {
  return (
    <ActionBar>
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
