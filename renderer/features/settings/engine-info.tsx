import { RotateCw } from 'lucide-react'
import { useState } from 'react'
import type { EngineStatus } from '../../../electron/contract/app.ts'
import type { Machine } from '../../../electron/contract/domain.ts'
import { useClient, useConnection } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useWatch } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { CopyButton } from '../../ui/error-panel.tsx'
import { formatMemory, formatPercent } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'
import { ProgressBar } from '../../ui/progress.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { FactList } from '../../ui/stat.tsx'
import { GpuSection } from './gpu-section.tsx'

const STATES: Record<EngineStatus['state'], { label: string; tone: 'neutral' | 'ok' | 'warn' | 'danger' }> = {
  stopped: { label: 'Not started', tone: 'neutral' },
  starting: { label: 'Starting', tone: 'warn' },
  ready: { label: 'Ready', tone: 'ok' },
  restarting: { label: 'Restarting', tone: 'warn' },
  failed: { label: 'Failed', tone: 'danger' },
}

/** What runs the models: state of the engine, the machine as it sees it, versions. */
export function EngineInfo() {
  const { host } = useConnection()
  const engine = useWatch('engine.watch', {})
  const facts = engine.data ? engineFacts(engine.data) : {}
  // Memory as it is now; until it is known, as it was when the engine started.
  const live = useWatch('machine.watch', {}, { enabled: engine.data?.state === 'ready' })
  const machine = live.data ?? engine.data?.machine
  const about = host
    ? {
        Version: host.appVersion,
        Runs: host.host === 'electron' ? 'as a desktop app' : 'in the browser',
        System: host.platform,
        Data: host.dataDir,
      }
    : {}
  return (
    <div className="flex max-w-2xl flex-col gap-10">
      <Section
        title="Engine and machine"
        actions={<CopyButton text={JSON.stringify({ ...facts, ...about }, null, 2)} label="Copy" />}
      >
        {engine.error ? (
          <ErrorView error={engine.error} onRetry={engine.refetch} />
        ) : engine.data ? (
          <>
            <EngineState status={engine.data} />
            {machine && <MachineMemory machine={machine} />}
            <FactList facts={facts} />
          </>
        ) : (
          <SkeletonRows rows={3} label="Asking the engine" className="p-0" />
        )}
      </Section>
      {machine && <GpuSection machine={machine} />}
      <Section title="About">
        <FactList facts={about} />
      </Section>
    </div>
  )
}

function EngineState({ status }: { status: EngineStatus }) {
  const client = useClient()
  const [asks, setAsks] = useState(false)
  const restart = useAction(async () => {
    setAsks(false)
    await client.call('engine.restart', {})
  })
  const { label, tone } = STATES[status.state]
  return (
    <>
      <div className="flex items-center gap-2">
        <Badge tone={tone}>{label}</Badge>
        <p className="min-w-0 flex-1 text-xs text-ink-3">
          {status.state === 'stopped' && 'It starts with the first job or chat.'}
          {status.deaths > 0 &&
            `Stopped ${status.deaths === 1 ? 'once' : `${status.deaths} times`} in the last ten minutes.`}
        </p>
        <Button
          pending={restart.pending}
          disabled={status.state === 'starting' || status.state === 'restarting'}
          onClick={() => setAsks(true)}
        >
          <RotateCw aria-hidden />
          Restart engine
        </Button>
      </div>
      {status.state !== 'ready' && status.lastError && (
        <p className="text-sm text-danger-text">{status.lastError.message}</p>
      )}
      {restart.error && <ErrorView error={restart.error} />}
      <ConfirmDialog
        open={asks}
        onOpenChange={setAsks}
        title="Restart the engine?"
        description="A running job is interrupted and can be resumed from what it finished. A running chat answer ends where it is."
        confirmLabel="Restart"
        onConfirm={() => void restart.run()}
      />
    </>
  )
}

function MachineMemory({ machine }: { machine: Machine }) {
  const used = machine.totalMemoryBytes - machine.availableMemoryBytes
  const share = machine.totalMemoryBytes > 0 ? used / machine.totalMemoryBytes : 0
  return (
    <div className="flex flex-col gap-1">
      <p className="flex justify-between text-xs text-ink-3">
        <span>Memory of the machine</span>
        <span>
          <span className="font-medium text-ink">{formatMemory(machine.availableMemoryBytes)}</span> free of{' '}
          {formatMemory(machine.totalMemoryBytes)}
        </span>
      </p>
      <ProgressBar
        value={share}
        label={`Memory in use: ${formatPercent(share, 2)}`}
        tone={share >= 0.9 ? 'warn' : 'quiet'}
      />
    </div>
  )
}

function engineFacts({ version, machine }: EngineStatus): Record<string, string | number> {
  return {
    ...(version ? { 'Engine version': version } : {}),
    ...(machine
      ? {
          Processor: machine.cpu,
          'Physical cores': machine.cores,
          'Engine threads': machine.threads,
          'SIMD level': `${machine.simd.active} (available: ${machine.simd.available.join(', ')})`,
        }
      : {}),
  }
}
