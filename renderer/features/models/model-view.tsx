import {
  ChartNoAxesCombined,
  CloudUpload,
  Ellipsis,
  Eye,
  FolderOpen,
  Grid3x3,
  MessageSquareText,
  Pencil,
  Trash2,
  Ungroup,
} from 'lucide-react'
import { useEffect, useState } from 'react'
import type { ModelDetail, ModelSummary } from '../../../electron/contract/domain.ts'
import { canSee, canWrite, uselessBecause } from '../../../electron/plan/abilities.ts'
import { useClient, useConnection } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { navigate } from '../../client/route.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { type Command, useCommands } from '../../ui/commands.ts'
import { Menu, type MenuItem } from '../../ui/menu.tsx'
import { ActionBar, PageHeader } from '../../ui/page.tsx'
import { useShortcut } from '../../ui/shortcuts.ts'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { toast } from '../../ui/toast.tsx'
import { DequantizeDialog } from './dequantize-dialog.tsx'
import { removalOf } from './library.ts'
import { RemoveDialog, RenameDialog } from './model-dialogs.tsx'
import { ModelOverview } from './model-overview.tsx'
import { ModelCardText, ModelProvenance, ModelTemplate } from './model-texts.tsx'
import { TensorTable } from './tensor-table.tsx'
import { UploadDialog } from './upload-dialog.tsx'

type ModelDialog = 'rename' | 'remove' | 'upload' | 'dequantize'
type View = 'overview' | 'tensors' | 'template' | 'provenance' | 'card'

/** One model: what it is, every tensor of it, and what can be done with it. */
export function ModelView({ model }: { model: ModelSummary }) {
  const detail = useQuery('models.inspect', { id: model.id })
  const [dialog, setDialog] = useState<ModelDialog | null>(null)
  const menu = useModelMenu(model, setDialog)
  const problem = uselessBecause(model)
  useRefetchWhenEngineIsBack(
    detail.error?.code === 'engine-lost' || detail.error?.code === 'device-lost',
    detail.refetch,
  )
  useCommands(modelCommands(model))
  useShortcut({
    keys: 'mod+enter',
    label: 'Quantize this model',
    enabled: model.quantizeProblem === null,
    run: () => navigate('quantize', { model: model.id }),
  })
  return (
    <>
      <PageHeader
        level={2}
        title={model.name}
        beside={<ModelBadges model={model} />}
        subtitle={<span className="font-mono">{model.path}</span>}
        actions={
          <Menu items={menu}>
            <Button variant="ghost" aria-label="More actions" className="w-8 px-0">
              <Ellipsis aria-hidden />
            </Button>
          </Menu>
        }
      />
      {problem && <ErrorView error={problem} title="This model cannot be run" className="mx-5 mt-4" />}
      {detail.error ? (
        <div className="flex-1 p-5">
          <ErrorView error={detail.error} onRetry={detail.refetch} />
        </div>
      ) : detail.data ? (
        <ModelTabs detail={{ ...detail.data, summary: model }} />
      ) : (
        <SkeletonRows label="Reading the model" className="flex-1 p-5" />
      )}
      <ModelActions model={model} />
      {dialog === 'rename' && <RenameDialog model={model} onClose={() => setDialog(null)} />}
      {dialog === 'dequantize' && <DequantizeDialog model={model} onClose={() => setDialog(null)} />}
      {dialog === 'upload' && <UploadDialog model={model} onClose={() => setDialog(null)} />}
      {dialog === 'remove' && <RemoveDialog model={model} onClose={() => setDialog(null)} />}
    </>
  )
}

function ModelBadges({ model }: { model: ModelSummary }) {
  return (
    <>
      {model.vision && (
        <Badge tone="outline">
          <Eye aria-hidden />
          sees pictures
        </Badge>
      )}
      {model.origin === 'demo' && <Badge tone="accent">Demo</Badge>}
      {model.origin === 'created' && <Badge tone="ok">Made here</Badge>}
      <Badge>{model.quantization?.label ?? model.dtype}</Badge>
    </>
  )
}

function ModelTabs({ detail }: { detail: ModelDetail }) {
  const [view, setView] = useState<View>('overview')
  const tabs: { value: View; label: string; count?: number }[] = [
    { value: 'overview', label: 'Overview' },
    { value: 'tensors', label: 'Tensors', count: detail.tensors.length },
    { value: 'template', label: 'Chat template' },
    ...(detail.provenance || detail.summary.origin === 'created'
      ? [{ value: 'provenance' as const, label: 'How it was made' }]
      : []),
    ...(detail.card ? [{ value: 'card' as const, label: 'Model card' }] : []),
  ]
  const shown = tabs.some(({ value }) => value === view) ? view : 'overview'
  return (
    <Tabs label="Views of the model" value={shown} onChange={setView} tabs={tabs}>
      {shown === 'overview' && <ModelOverview detail={detail} />}
      {shown === 'tensors' && <TensorTable detail={detail} />}
      {shown === 'template' && <ModelTemplate detail={detail} />}
      {shown === 'provenance' && <ModelProvenance detail={detail} />}
      {shown === 'card' && detail.card && <ModelCardText card={detail.card} />}
    </Tabs>
  )
}

function ModelActions({ model }: { model: ModelSummary }) {
  return (
    <ActionBar>
      {model.quantizeProblem && !model.runProblem && (
        <p className="min-w-0 flex-1 text-xs text-ink-3">{model.quantizeProblem.message}</p>
      )}
      <Button onClick={() => navigate('compare', { model: model.id })}>
        <ChartNoAxesCombined aria-hidden />
        Compare
      </Button>
      {model.vision && (
        <Button disabled={!canSee(model)} onClick={() => navigate('vision', { model: model.id })}>
          <Eye aria-hidden />
          Look
        </Button>
      )}
      {(model.vision === undefined || canWrite(model)) && (
        <Button disabled={!canWrite(model)} onClick={() => navigate('chat', { model: model.id })}>
          <MessageSquareText aria-hidden />
          Chat
        </Button>
      )}
      <Button
        variant="primary"
        disabled={model.quantizeProblem !== null}
        onClick={() => navigate('quantize', { model: model.id })}
      >
        <Grid3x3 aria-hidden />
        Quantize
      </Button>
    </ActionBar>
  )
}

function useModelMenu(model: ModelSummary, open: (dialog: ModelDialog) => void): MenuItem[] {
  const client = useClient()
  const { host } = useConnection()
  const removal = removalOf(model)
  return [
    ...(model.origin === 'demo' ? [] : [{ label: 'Rename', icon: Pencil, onSelect: () => open('rename') }]),
    ...(model.origin === 'created' && model.quantization
      ? [{ label: 'Upload to the Hub', icon: CloudUpload, onSelect: () => open('upload') }]
      : []),
    // A file of blocks has no folder of plain weights to go back to.
    ...(model.quantization && !model.path.endsWith('.gguf')
      ? [{ label: 'Dequantize', icon: Ungroup, onSelect: () => open('dequantize') }]
      : []),
    ...(host?.canReveal
      ? [
          {
            label: 'Show in folder',
            icon: FolderOpen,
            onSelect: () => {
              client
                .call('files.reveal', { path: model.path })
                .catch(() => toast.failed('The folder could not be shown'))
            },
          },
        ]
      : []),
    {
      label: 'Copy path',
      onSelect: () => {
        navigator.clipboard.writeText(model.path).then(
          () => toast.done('Path copied'),
          () => toast.failed('The path could not be copied', { description: model.path }),
        )
      },
    },
    ...(removal
      ? [
          {
            label: removal.verb,
            icon: Trash2,
            danger: removal.verb === 'Delete',
            separated: true,
            onSelect: () => open('remove'),
          },
        ]
      : []),
  ]
}

function modelCommands(model: ModelSummary): Command[] {
  return [
    {
      id: 'model-compare',
      label: `Compare versions of ${model.name}`,
      group: 'This model',
      run: () => navigate('compare', { model: model.id }),
    },
  ]
}

function useRefetchWhenEngineIsBack(failed: boolean, refetch: () => void): void {
  const { data: engine } = useWatch('engine.watch', {})
  const isReady = engine?.state === 'ready'
  useEffect(() => {
    if (failed && isReady) refetch()
  }, [failed, isReady, refetch])
}
