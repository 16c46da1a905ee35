import type { Device, Machine } from '../../../electron/contract/domain.ts'
import { Badge } from '../../ui/badge.tsx'
import { formatMemory } from '../../ui/format.ts'
import { MemoryBar } from '../../ui/memory-bar.tsx'
import { Section } from '../../ui/page.tsx'
import { FactList } from '../../ui/stat.tsx'

type CudaState = NonNullable<Machine['cuda']>['state']

const STATES: Record<CudaState, { label: string; tone: 'neutral' | 'ok' | 'warn' | 'danger' }> = {
  ready: { label: 'Ready', tone: 'ok' },
  'no-driver': { label: 'No driver', tone: 'neutral' },
  'old-driver': { label: 'Old driver', tone: 'warn' },
  'no-device': { label: 'No GPU', tone: 'neutral' },
  'not-built': { label: 'Not built', tone: 'warn' },
  'abi-mismatch': { label: 'Other version', tone: 'warn' },
  disabled: { label: 'Off', tone: 'neutral' },
  'device-lost': { label: 'Lost', tone: 'danger' },
}

/** The GPUs of the machine with what is in their memory, or why there is none to use. */
export function GpuSection({ machine }: { machine: Machine }) {
  const gpus = machine.devices.filter(({ kind }) => kind === 'cuda')
  const { cuda } = machine
  return (
    <Section title={gpus.length > 1 ? 'GPUs' : 'GPU'}>
      {cuda && (
        <div className="flex items-baseline gap-2">
          <Badge tone={STATES[cuda.state].tone}>{STATES[cuda.state].label}</Badge>
          <p className="min-w-0 flex-1 text-sm text-ink-2">{cuda.sentence}</p>
        </div>
      )}
      {gpus.map((gpu) => (
        <GpuView key={gpu.id} device={gpu} />
      ))}
    </Section>
  )
}

function GpuView({ device: { name, totalBytes, freeBytes, gpu } }: { device: Device }) {
  if (gpu === undefined) return null
  const own = gpu.own.weights + gpu.own.metadata + gpu.own.kvCache + gpu.own.scratch
  // Code and context of this process, and what the driver keeps, when other processes are known apart.
  const rest = Math.max(0, totalBytes - freeBytes - own)
  return (
    <div className="flex flex-col gap-3 pt-2">
      <h3 className="flex items-center gap-2 text-sm font-medium text-ink">
        {name}
        {gpu.problem !== null && <Badge tone="warn">Not used</Badge>}
      </h3>
      {gpu.problem !== null && <p className="text-sm text-ink-2">{gpu.problem}</p>}
      <div className="flex flex-col gap-1">
        <p className="flex justify-between text-xs text-ink-3">
          <span>Memory of the GPU</span>
          <span>
            <span className="font-medium text-ink">{formatMemory(freeBytes)}</span> free of {formatMemory(totalBytes)}
          </span>
        </p>
        <MemoryBar
          parts={{ ...gpu.own, other: rest }}
          budgetBytes={null}
          scaleBytes={totalBytes}
          kind="measured"
          legend
        />
      </div>
      <FactList
        facts={{
          'Other processes': gpu.otherBytes === null ? 'not known' : formatMemory(gpu.otherBytes),
          ...(gpu.otherBytes === null ? {} : { 'Driver and code': formatMemory(Math.max(0, rest - gpu.otherBytes)) }),
          ...(gpu.utilization === null ? {} : { 'In use': `${gpu.utilization} %` }),
          'Compute capability': `${gpu.computeCapability}, ${gpu.multiprocessors} multiprocessors`,
          ...(gpu.driver === null ? {} : { Driver: gpu.driver }),
          UUID: gpu.uuid,
        }}
      />
    </div>
  )
}
