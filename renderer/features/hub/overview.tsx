import type { HubModelDetail } from '../../../electron/contract/hub.ts'
import { ErrorView } from '../../client/error-view.tsx'
import { formatAgo, formatCount, formatDisk, formatParameters } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'
import { Scroller } from '../../ui/scroller.tsx'
import { FactList, Stat } from '../../ui/stat.tsx'
import { EstimateTable } from './estimate-table.tsx'

export interface HubOverviewProps {
  detail: HubModelDetail
  presetId: string
  onPreset(id: string): void
}

/** What a model is and what it would take here at each number of bits. */
export function HubOverview({ detail, presetId, onPreset }: HubOverviewProps) {
  const { model, plan, problem, runProblem } = detail
  const config = plan?.config ?? null
  return (
    <Scroller label="Overview" className="@container flex flex-col gap-8 px-5 py-5">
      {problem && <ErrorView error={problem} title={problemTitle(problem.code)} />}
      {!problem && (runProblem || model.problem) && (
        <p className="border-l-2 border-line-strong pl-3 text-sm text-ink-2">
          {runProblem ? `It can be quantized, not run. ${runProblem.message}` : model.problem}
        </p>
      )}
      <div className="flex flex-wrap gap-x-10 gap-y-4">
        {plan && <Stat label="Parameters" value={formatParameters(plan.parameters)} size="lg" />}
        <Stat label="To download" value={formatDisk(detail.downloadBytes)} size="lg" />
        {plan && <Stat label="Weights" value={plan.dtype} size="lg" />}
        {config && <Stat label="Context" value={`${config.contextLength}\u00a0tokens`} size="lg" />}
      </div>
      {plan && model.quantized === null && <EstimateTable plan={plan} chosen={presetId} onChoose={onPreset} />}
      <Section title="About it">
        <FactList
          facts={{
            ...(model.architecture ? { Architecture: model.architecture } : {}),
            ...(config
              ? { Blocks: config.layers, 'Hidden size': config.hiddenSize, Vocabulary: config.vocabSize }
              : {}),
            ...(model.task ? { 'Made for': model.task.replaceAll('-', ' ') } : {}),
            Downloads: formatCount(model.downloads),
            Likes: formatCount(model.likes),
            ...(model.updatedAt ? { Updated: formatAgo(model.updatedAt, Date.now()) } : {}),
            Commit: detail.commit.slice(0, 12),
            'Read for this page': formatDisk(detail.fetchedBytes),
          }}
        />
      </Section>
    </Scroller>
  )
}

function problemTitle(code: string): string {
  return code === 'access-denied' ? 'Its files cannot be read yet' : 'It cannot be quantized or run here'
}
