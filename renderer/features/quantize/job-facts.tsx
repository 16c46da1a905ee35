/** Beside the grid of a job: what it makes, what it found, and its log. */
import type { Estimate, JobRecord, TensorResult } from '../../../electron/contract/domain.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import {
  formatDisk,
  formatDuration,
  formatPercent,
  formatTime,
  formatTokensPerSecond,
  significant,
} from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'
import { Stat } from '../../ui/stat.tsx'
import { secondsOf } from './job-words.ts'

export interface JobFactsProps {
  record: JobRecord
  results: ReadonlyMap<string, TensorResult>
  log: readonly { at: string; text: string }[]
  estimate: Estimate | null
}

export function JobFacts({ record, results, log, estimate }: JobFactsProps) {
  const { data } = useWatch('models.watch', {})
  const made = data?.models.find(({ id }) => id === record.resultModelId)
  const finished = [...results.values()]
  const planned = estimate?.table.filter(({ choice }) => choice.kind === 'quantize').length ?? null
  const seconds = secondsOf(record)
  const predictedFile = estimate === null ? undefined : formatDisk(estimate.fileBytes)
  const meanError =
    finished.length === 0 ? null : finished.reduce((sum, result) => sum + result.relativeError, 0) / finished.length
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-5 overflow-y-auto px-5 py-4">
      <h2 className="text-sm font-semibold text-ink">{record.title}</h2>
      <div className="grid grid-cols-2 gap-x-3 gap-y-4">
        <Stat
          label="Layers quantized"
          size="lg"
          value={planned === null ? finished.length : `${finished.length} / ${planned}`}
        />
        <Stat
          label="Mean relative error"
          size="lg"
          {...(meanError === null ? {} : { kind: 'measured' as const })}
          value={meanError === null ? '–' : formatPercent(meanError)}
          protocol={{
            'relative error': "mean |W − W'| / mean |W| of a layer",
            mean: `over ${finished.length} layers, unweighted`,
          }}
        />
        {made === undefined ? (
          predictedFile !== undefined && <Stat label="File size" size="lg" kind="predicted" value={predictedFile} />
        ) : (
          <Stat
            label="File size"
            size="lg"
            kind="measured"
            value={formatDisk(made.fileBytes)}
            predicted={predictedFile}
          />
        )}
        {seconds !== null && <Stat label="Time" size="lg" kind="measured" value={formatDuration(seconds)} />}
        {made !== undefined && <Measured modelId={made.id} />}
      </div>
      <Section title="Log" className="min-h-0">
        {log.length === 0 ? (
          <p className="text-xs text-ink-3">Nothing yet.</p>
        ) : (
          <ol className="flex flex-col gap-1 text-xs">
            {log.slice(-100).map((line, index) => (
              // Lines are only appended and cut at the front; time and text may repeat.
              // biome-ignore lint/suspicious/noArrayIndexKey: see above
              <li key={index} className="grid grid-cols-[auto_minmax(0,1fr)] gap-2">
                <time className="text-ink-3">{formatTime(line.at)}</time>
                <span className="break-words text-ink-2">{line.text}</span>
              </li>
            ))}
          </ol>
        )}
      </Section>
    </div>
  )
}

/** What was measured of the new model, each number with its protocol. */
function Measured({ modelId }: { modelId: string }) {
  const { data } = useQuery('compare.rows', { modelId })
  const measurements = data?.rows.find(({ model }) => model.id === modelId)?.measurements ?? []
  const perplexity = measurements.findLast(({ metric }) => metric === 'perplexity')
  const speed = measurements.findLast(({ metric }) => metric === 'decode-speed')
  return (
    <>
      {perplexity !== undefined && (
        <Stat
          label="Perplexity"
          size="lg"
          kind="measured"
          value={significant(perplexity.value, 4)}
          protocol={perplexity.protocol}
        />
      )}
      {speed !== undefined && (
        <Stat
          label="Decode"
          size="lg"
          kind="measured"
          value={formatTokensPerSecond(speed.value)}
          protocol={speed.protocol}
        />
      )}
    </>
  )
}
