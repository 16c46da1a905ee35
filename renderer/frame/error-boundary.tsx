import { Component, type ReactNode } from 'react'
import { toAppError } from '../../electron/contract/errors.ts'
import { Button } from '../ui/button.tsx'
import { ErrorPanel } from '../ui/error-panel.tsx'

interface Props {
  /** What is broken when this shows, e.g. "Models". */
  label: string
  children: ReactNode
}

/** Keeps a defect in one screen from taking the window down. */
export class ErrorBoundary extends Component<Props, { thrown: unknown; failed: boolean }> {
  override state = { thrown: null as unknown, failed: false }

  static getDerivedStateFromError(thrown: unknown): { thrown: unknown; failed: boolean } {
    return { thrown, failed: true }
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children
    const error = toAppError(this.state.thrown)
    const stack = error.cause instanceof Error ? error.cause.stack : error.stack
    return (
      <div className="p-6">
        <ErrorPanel
          title={`${this.props.label} cannot be shown`}
          cause={error.message}
          nextStep="Nothing is lost: jobs and models live outside this window. Show it again, or reload the window."
          details={`${error.message}\n${stack ?? ''}`}
          actions={
            <>
              <Button size="sm" onClick={() => this.setState({ thrown: null, failed: false })}>
                Show again
              </Button>
              <Button size="sm" variant="ghost" onClick={() => window.location.reload()}>
                Reload
              </Button>
            </>
          }
        />
      </div>
    )
  }
}
