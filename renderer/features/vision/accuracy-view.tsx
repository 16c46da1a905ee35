/** A folder of labelled pictures: how often each version is right, and which pictures changed their answer. */
import { Images } from 'lucide-react'
import { useMemo } from 'react'
import { useStore } from 'zustand'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { RunBar } from '../../ui/run-bar.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { AccuracyTable } from './accuracy-table.tsx'
import { AnswerTable } from './answer-table.tsx'
import { answerRows } from './answers.ts'
import { FolderField } from './folder-field.tsx'
import { SeriesProgress } from './series-progress.tsx'
import { templateProblem } from './setup-pane.tsx'
import type { VisionStore } from './store.ts'
import type { Versions } from './use-versions.ts'
import { useVision } from './use-vision-store.ts'

export interface AccuracyViewProps {
  store: VisionStore
  source: ModelSummary
  versions: Versions
}

export function AccuracyView({ store, source, versions }: AccuracyViewProps) {
  const folder = useVision(store, (state) => state.folder)
  const template = useVision(store, (state) => state.template)
  const { running, asked, results, error } = useStore(store.measuring.store)
  const asks = source.vision?.kind === 'llava'
  const measured = versions.all.filter(({ id }) => results[id] !== undefined)
  // The keys of the results say whether anything about the measured versions changed.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `measured` is made anew each time from these
  const rows = useMemo(() => answerRows(measured.map(({ id }) => results[id])), [results, versions.all.length])
  const missing =
    folder === null
      ? 'Choose a folder.'
      : asks && folder.labels === null
        ? 'Choose the file of questions.'
        : !asks && templateProblem(template) !== null
          ? 'The prompt template needs {}.'
          : versions.chosen.length === 0
            ? 'Choose a version on the left.'
            : null
  const canStart = missing === null && !running
  const measure = () => {
    if (folder === null) return
    void store.measuring.start(
      { ...folder, template },
      versions.chosen.map(({ id }) => id),
    )
  }
  useShortcut({ keys: 'mod+enter', label: 'Measure accuracy', inFields: true, enabled: canStart, run: measure })
  const nameOf = (id: string) => versions.all.find((model) => model.id === id)?.name ?? 'a version'
  return (
    <>
      <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto py-4">
        <div className="px-5">
          <FolderField store={store} labelled={asks ? 'questions' : 'labels'} />
        </div>
        {error && <ErrorView error={error} onRetry={measure} className="mx-5" />}
        <div className="px-5 empty:hidden">
          <SeriesProgress series={store.measuring} nameOf={nameOf} />
        </div>
        {measured.length === 0 || asked === null ? (
          !running &&
          error === null && (
            <EmptyState icon={Images} title="How often is each version right?">
              {asks
                ? 'Choose a folder of pictures and a file of questions with their answers (file,question,answer). An answer counts when it is right to the letter.'
                : 'Choose a folder of labelled pictures. Accuracy of every version stands here, with the pictures that changed their answer first. Compare keeps the numbers.'}
            </EmptyState>
          )
        ) : (
          <>
            <AccuracyTable
              versions={measured.flatMap((model) => {
                const result = results[model.id]
                return result === undefined ? [] : [{ model, result }]
              })}
              source={source}
              rows={rows}
            />
            <AnswerTable dir={asked.dir} rows={rows} versions={measured} source={source} />
          </>
        )}
      </div>
      <RunBar
        label="Measure accuracy"
        hint={running ? null : missing}
        running={running}
        canStart={canStart}
        onStart={measure}
        onStop={() => store.measuring.stop()}
      />
    </>
  )
}
