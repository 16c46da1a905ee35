import { RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import type { ErrorShape } from '../../electron/contract/errors.ts'
import { Button } from '../ui/button.tsx'
import { ErrorPanel } from '../ui/error-panel.tsx'
import { errorWords } from './error-words.ts'

export interface ErrorViewProps {
  error: Pick<ErrorShape, 'code' | 'message' | 'data'>
  /** Adds a "Try again" button. */
  onRetry?: () => void
  actions?: ReactNode
  /** Overrides the title that belongs to the code. */
  title?: string
  className?: string
}

/** An AppError or a stored error, in words. Cancellations are shown as a quiet sentence by the caller, not here. */
export function ErrorView({ error, onRetry, actions, title, className }: ErrorViewProps) {
  const words = errorWords(error.code)
  return (
    <ErrorPanel
      title={title ?? words.title}
      cause={error.message}
      evidence={error.data}
      nextStep={words.nextStep}
      details={JSON.stringify({ code: error.code, message: error.message, data: error.data }, null, 2)}
      {...(className ? { className } : {})}
      actions={
        <>
          {actions}
          {onRetry && (
            <Button size="sm" onClick={onRetry}>
              <RotateCw aria-hidden />
              Try again
            </Button>
          )}
        </>
      }
    />
  )
}
