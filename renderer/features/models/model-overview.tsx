import type { Measurement, ModelDetail } from '../../../electron/contract/domain.ts'
import { DeviceSelect } from '../../client/device-select.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { LoadsIn, layersOfModel } from '../../client/loads-in.tsx'
import { useDevice } from '../../client/use-device.ts'
import { useQuery } from '../../client/use-query.ts'
import { Field } from '../../ui/field.tsx'
import {
  formatDisk,
  formatDuration,
  formatMemory,
  formatParameters,
  formatPercent,
  formatShape,
  formatTokensPerSecond,
  significant,
} from '../../ui/format.ts'
import { MemoryBar, memoryTotal } from '../../ui/memory-bar.tsx'
import { Section } from '../../ui/page.tsx'
import { Scroller } from '../../ui/scroller.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { FactList, Stat } from '../../ui/stat.tsx'
import { byteGroups } from './byte-groups.ts'
import { Towers } from './towers.tsx'

/** What the model is, what it needs, what was measured on it, and where its bytes are. */
export function ModelOverview({ detail }: { detail: ModelDetail }) {
  const { summary } = detail
  const { config, quantization } = summary
  return (
    <Scroller label="Overview" className="@container flex flex-col gap-8 px-5 py-5">
      <div className="flex flex-wrap gap-x-10 gap-y-4">
        <Stat label="Parameters" value={formatParameters(summary.parameters)} size="lg" />
        {summary.experts && (
          <Stat label="Active for a token" value={formatParameters(summary.experts.activeParameters)} size="lg" />
        )}
        <Stat label="On disk" value={formatDisk(summary.fileBytes)} size="lg" />
        <Stat label="Weights" value={quantization?.label ?? summary.dtype} size="lg" />
        {quantization && (
          <Stat label="Bits per weight, with metadata" value={quantization.bitsPerWeight.toFixed(2)} size="lg" />
        )}
        {config && <Stat label="Context" value={`${config.contextLength}\u00a0tokens`} size="lg" />}
      </div>
      {summary.note && <p className="max-w-prose border-l-2 border-accent pl-3 text-ink-2">{summary.note}</p>}
      <div className="grid grid-cols-1 gap-x-12 gap-y-8 @4xl:grid-cols-2 @[90rem]:grid-cols-3">
        <RunFigures modelId={summary.id} />
        {config && (
          <Section title="Architecture">
            <FactList
              facts={{
                Class: config.architecture,
                Blocks: config.layers,
                'Hidden size': config.hiddenSize,
                'Intermediate size': config.intermediateSize,
                Attention: `${config.heads} heads of ${config.headDim}, ${config.kvHeads} for keys and values`,
                ...(config.sliding && {
                  'Sliding window': `${config.sliding.window} tokens in ${config.sliding.layers} of ${config.layers} blocks`,
                }),
                ...(config.experts && { Experts: expertWords(config.experts, summary.experts?.bytesEach) }),
                Vocabulary: config.vocabSize,
                Embeddings: config.tiedEmbeddings ? 'shared with the output head' : 'separate from the output head',
                Tokenizer: summary.hasTokenizer ? 'present' : 'missing',
                'Chat template': summary.hasChatTemplate ? 'present' : 'none',
              }}
            />
          </Section>
        )}
        {summary.vision && <Towers vision={summary.vision} />}
        <ByteGroups detail={detail} />
        {quantization && (
          <LoadsIn
            model={{
              architecture: config?.architecture ?? '',
              storedFormat: quantization.storedFormat ?? null,
              layers: layersOfModel(detail.linears),
            }}
          />
        )}
      </div>
    </Scroller>
  )
}

function expertWords({ count, perToken }: { count: number; perToken: number }, bytesEach: number | undefined): string {
  const size = bytesEach === undefined ? '' : `, ${formatDisk(bytesEach)} each`
  return `${count} in a block, ${perToken} for a token${size}`
}

function RunFigures({ modelId }: { modelId: string }) {
  const compare = useQuery('compare.rows', { modelId })
  const device = useDevice()
  const row = compare.data?.rows.find(({ model }) => model.id === modelId)
  const latest = (metric: Measurement['metric']) => row?.measurements.filter((one) => one.metric === metric).at(-1)
  const measuredMemory = latest('memory')?.memory
  const perplexity = latest('perplexity')
  const decode = latest('decode-speed')
  const prefill = latest('prefill-speed')
  return (
    <Section
      title="Memory to run"
      description={
        row &&
        (measuredMemory
          ? `Measured while it ran; predicted for ${row.contextLength} tokens of context: ${formatMemory(memoryTotal(row.predicted))}`
          : `Predicted for ${row.contextLength} tokens of context, against the memory that is free now`)
      }
    >
      {compare.error ? (
        <ErrorView error={compare.error} onRetry={compare.refetch} />
      ) : !row ? (
        <Skeleton className="h-24" />
      ) : (
        <>
          <MemoryBar
            parts={measuredMemory ?? row.predicted}
            kind={measuredMemory ? 'measured' : 'predicted'}
            budgetBytes={device.memory?.availableMemoryBytes ?? null}
            legend
          />
          {device.gpus.length > 0 && (
            <Field label="Runs on" layout="row">
              <DeviceSelect device={device} className="w-48" />
            </Field>
          )}
          <div className="flex flex-wrap gap-x-8 gap-y-3 pt-2">
            {perplexity && (
              <Stat
                label="Perplexity"
                value={significant(perplexity.value, 4)}
                kind="measured"
                protocol={storyOf(perplexity)}
              />
            )}
            {decode && (
              <Stat
                label="Decode"
                value={formatTokensPerSecond(decode.value)}
                kind="measured"
                protocol={storyOf(decode)}
              />
            )}
            {prefill && (
              <Stat
                label="Prefill"
                value={formatTokensPerSecond(prefill.value)}
                kind="measured"
                protocol={storyOf(prefill)}
              />
            )}
            {row.meanRelativeError !== null && (
              <Stat label="Mean relative error" value={formatPercent(row.meanRelativeError)} kind="measured" />
            )}
            {row.quantizeSeconds !== null && (
              <Stat label="Time to quantize" value={formatDuration(row.quantizeSeconds)} kind="measured" />
            )}
          </div>
          {row.measurements.length === 0 && (
            <p className="text-xs text-ink-3">Nothing measured yet. Compare measures perplexity and speed.</p>
          )}
        </>
      )}
    </Section>
  )
}

/** Everything under which a number was taken. */
function storyOf(measurement: Measurement): Record<string, unknown> {
  return {
    ...measurement.protocol,
    took: formatDuration(measurement.seconds),
    engine: measurement.engineVersion,
    at: new Date(measurement.at).toLocaleString(),
  }
}

function ByteGroups({ detail }: { detail: ModelDetail }) {
  const groups = byteGroups(detail)
  const total = groups.reduce((sum, { bytes }) => sum + bytes, 0)
  const largest = groups[0]?.bytes ?? 1
  return (
    <Section
      title="Where the bytes are"
      description="Stored size by kind of tensor"
      className="@4xl:col-span-2 @[90rem]:col-span-1 @[90rem]:order-first"
    >
      <table className="w-full max-w-5xl border-separate border-spacing-y-1 text-sm">
        <thead className="sr-only">
          <tr>
            <th scope="col">Tensors</th>
            <th scope="col">Count and shape</th>
            <th scope="col">Share</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        <tbody>
          {groups.map(({ label, count, shape, bytes, isLinear }) => (
            <tr key={label}>
              <th scope="row" className="w-px pr-4 text-left font-mono text-xs font-normal whitespace-nowrap text-ink">
                {label}
              </th>
              <td className="w-px pr-4 text-right text-xs whitespace-nowrap text-ink-3">
                {count > 1 && `${count} × `}
                {shape ? formatShape(shape) : 'different shapes'}
              </td>
              <td className="pr-4">
                <div
                  title={isLinear ? 'linear layers' : 'kept as they are'}
                  style={{ width: `${Math.max(0.3, (bytes / largest) * 100)}%` }}
                  className={isLinear ? 'h-3 rounded-[2px] bg-mem-weights' : 'h-3 rounded-[2px] bg-mem-other'}
                />
              </td>
              <td className="w-px text-right text-xs whitespace-nowrap text-ink">{formatDisk(bytes)}</td>
              <td className="w-14 text-right text-xs whitespace-nowrap text-ink-3">{formatShare(bytes / total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="flex gap-4 text-xs text-ink-3">
        <LegendMark className="bg-mem-weights">
          {detail.summary.quantization ? 'linear layers' : 'linear layers, can be quantized'}
        </LegendMark>
        <LegendMark className="bg-mem-other">kept as they are</LegendMark>
      </p>
    </Section>
  )
}

/** A share of the whole; very small ones are only told to be so. */
function formatShare(ratio: number): string {
  return ratio < 0.001 ? '< 0.1\u00a0%' : formatPercent(ratio, 2)
}

function LegendMark({ className, children }: { className: string; children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span aria-hidden className={`size-2.5 rounded-[2px] ${className}`} />
      {children}
    </span>
  )
}
