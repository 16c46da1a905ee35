import { Download, ExternalLink, Grid3x3, Lock } from 'lucide-react'
import { useState } from 'react'
import type { HubModelDetail } from '../../../electron/contract/hub.ts'
import { useClient } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { EmptyState } from '../../ui/empty-state.tsx'
import { formatDisk } from '../../ui/format.ts'
import { ActionBar, PageHeader } from '../../ui/page.tsx'
import { SafeMarkdown } from '../../ui/safe-markdown.tsx'
import { Scroller } from '../../ui/scroller.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { FileTable } from './file-table.tsx'
import { HubOverview } from './overview.tsx'
import { QuantizeDialog } from './quantize-dialog.tsx'

type View = 'overview' | 'card' | 'files'

/** One model on the Hub: what it is, what it would take here, and the two ways to get it. */
export function HubModelView({ repo }: { repo: string }) {
  const detail = useQuery('hub.inspect', { repo })
  const [presetId, setPresetId] = useState('4-bit')
  const [owner = '', name = repo] = repo.split('/')
  const model = detail.data?.model
  return (
    <>
      <PageHeader
        level={2}
        title={name}
        beside={
          model && (
            <>
              {model.gated !== 'no' && (
                <Badge tone="warn">
                  <Lock aria-hidden />
                  Gated
                </Badge>
              )}
              {model.private && <Badge>Private</Badge>}
              {model.quantized && <Badge tone="outline">{model.quantized.label}</Badge>}
              {model.licence && <Badge>{model.licence}</Badge>}
            </>
          )
        }
        subtitle={`by ${owner}`}
        actions={
          detail.data && (
            <Button asChild variant="ghost">
              <a href={detail.data.page} target="_blank" rel="noreferrer noopener">
                <ExternalLink aria-hidden />
                Open its page
              </a>
            </Button>
          )
        }
      />
      {detail.error ? (
        <div className="flex-1 p-5">
          <ErrorView error={detail.error} onRetry={detail.refetch} />
        </div>
      ) : detail.data ? (
        <Views detail={detail.data} presetId={presetId} onPreset={setPresetId} />
      ) : (
        <SkeletonRows label="Reading config.json and the headers of the weights" className="flex-1 p-5" />
      )}
      {detail.data && <Actions detail={detail.data} presetId={presetId} />}
    </>
  )
}

interface ViewsProps {
  detail: HubModelDetail
  presetId: string
  onPreset(id: string): void
}

function Views({ detail, presetId, onPreset }: ViewsProps) {
  const [view, setView] = useState<View>('overview')
  return (
    <Tabs
      label="Views of the model"
      value={view}
      onChange={setView}
      tabs={[
        { value: 'overview', label: 'Overview' },
        { value: 'card', label: 'Model card' },
        { value: 'files', label: 'Files', count: detail.files.length },
      ]}
    >
      {view === 'overview' && <HubOverview detail={detail} presetId={presetId} onPreset={onPreset} />}
      {view === 'files' && <FileTable files={detail.files} />}
      {view === 'card' &&
        (detail.card === null ? (
          <EmptyState icon={ExternalLink} title="No model card">
            Its authors wrote none, or it can be read only after its conditions were accepted.
          </EmptyState>
        ) : (
          <Scroller label="Model card" className="px-5 py-5">
            <div className="markdown max-w-[80ch]">
              <SafeMarkdown text={withoutFrontMatter(detail.card)} />
            </div>
          </Scroller>
        ))}
    </Tabs>
  )
}

function Actions({ detail, presetId }: { detail: HubModelDetail; presetId: string }) {
  const client = useClient()
  const [asks, setAsks] = useState(false)
  const repo = detail.model.name
  const download = useAction(async () => {
    const job = await client.call('hub.download', { repo, revision: detail.revision, commit: detail.commit })
    navigate('jobs', { job: job.id })
  })
  const isRefused = detail.problem?.code === 'access-denied'
  const canQuantize = detail.plan !== null && detail.problem === null && detail.model.quantized === null
  const isCached = detail.missingBytes === 0 && detail.downloadBytes > 0
  return (
    <>
      {download.error && <ErrorView error={download.error} className="mx-5 mb-3" />}
      <ActionBar>
        <p className="min-w-0 flex-1 text-xs text-ink-3 max-lg:sr-only">
          {isCached
            ? 'All of it is in the cache.'
            : `${formatDisk(detail.missingBytes)} to fetch; ${formatDisk(detail.freeBytes)} free, ${formatDisk(detail.floorBytes)} of it stay free.`}
        </p>
        <Button pending={download.pending} disabled={isRefused} onClick={() => void download.run()}>
          <Download aria-hidden />
          {isCached ? 'Add to the library' : `Download ${formatDisk(detail.missingBytes)}`}
        </Button>
        <Button variant="primary" disabled={!canQuantize} onClick={() => setAsks(true)}>
          <Grid3x3 aria-hidden />
          Quantize while downloading
        </Button>
      </ActionBar>
      {asks && detail.plan && (
        <QuantizeDialog detail={detail} plan={detail.plan} presetId={presetId} onClose={() => setAsks(false)} />
      )}
    </>
  )
}

/** The block of settings at the top of a card is for the Hub. */
function withoutFrontMatter(card: string): string {
  return card.replace(/^---\r?\n[\s\S]*?\r?\n---\r?\n/, '')
}
