/** One line about the cell under the pointer or the focus. Keeps its height, so that nothing moves. */
import type { TensorResult } from '../../../electron/contract/domain.ts'
import type { ResolvedTensor } from '../../../electron/contract/quant.ts'
import { choiceLabel } from '../../../electron/plan/choices.ts'
import { type Pointed, usePointedNames } from '../../ui/block-grid/pointed.ts'
import { formatBitsPerWeight, formatDisk, formatPercent, formatShape, significant } from '../../ui/format.ts'

export interface CellStripProps {
  pointed: Pointed
  rows: ReadonlyMap<string, ResolvedTensor>
  results?: ReadonlyMap<string, TensorResult>
  /** Shown while nothing is pointed at. */
  hint: string
}

export function CellStrip({ pointed, rows, results, hint }: CellStripProps) {
  const names = usePointedNames(pointed)
  const tensors = names?.flatMap((name) => rows.get(name) ?? []) ?? []
  const [first] = tensors
  return (
    <div className="flex h-9 shrink-0 items-center gap-4 overflow-hidden border-t border-line px-5 text-xs whitespace-nowrap text-ink-2">
      {first === undefined ? (
        <span className="truncate text-ink-3">{hint}</span>
      ) : tensors.length === 1 ? (
        <OneTensor tensor={first} result={results?.get(first.name)} />
      ) : (
        <ManyTensors tensors={tensors} />
      )}
    </div>
  )
}

function OneTensor({ tensor, result }: { tensor: ResolvedTensor; result: TensorResult | undefined }) {
  return (
    <>
      <span className="font-mono text-ink">{tensor.name}</span>
      <span>{formatShape(tensor.shape)}</span>
      <span>{choiceLabel(tensor.choice)}</span>
      <span>{formatBitsPerWeight(tensor.bitsPerWeight)}</span>
      <span>
        {formatDisk(tensor.sourceBytes)} → {formatDisk(result?.bytes ?? tensor.bytes)}
      </span>
      {result !== undefined && (
        <>
          <span>relative error {formatPercent(result.relativeError)}</span>
          <span>mean |error| {significant(result.meanAbsError, 3)}</span>
        </>
      )}
    </>
  )
}

function ManyTensors({ tensors }: { tensors: readonly ResolvedTensor[] }) {
  const source = tensors.reduce((sum, tensor) => sum + tensor.sourceBytes, 0)
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  return (
    <>
      <span className="min-w-0 truncate font-mono text-ink">{tensors[0]?.name}</span>
      <span>and {tensors.length - 1} more</span>
      <span>
        {formatDisk(source)} → {formatDisk(bytes)}
      </span>
    </>
  )
}
