/** Shown where two versions that run are needed and there are not. */
import { Columns2 } from 'lucide-react'
import type { CompareRow } from '../../../electron/contract/domain.ts'
import { hrefFor } from '../../client/route.ts'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'

export function NeedsVersions({ rows }: { rows: readonly CompareRow[] }) {
  const problem = rows.find(({ model }) => model.runProblem !== null)?.model.runProblem
  return (
    <EmptyState
      icon={Columns2}
      title="Two versions that run here are needed"
      action={
        <Button asChild variant="primary">
          <a href={hrefFor('quantize', { model: rows[0]?.model.id })}>Quantize this model</a>
        </Button>
      }
    >
      {problem?.message ?? 'Their answers stand here side by side, with what each token would have been in the other.'}
    </EmptyState>
  )
}
