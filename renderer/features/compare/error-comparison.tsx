/** The errors of two versions on the grid of their layers: each alone, or one against the other. */
import { useMemo, useState } from 'react'
import type { CompareRow, TensorResult } from '../../../electron/contract/domain.ts'
import { blockIndex, byPosition, linearTag, towerOf } from '../../../electron/plan/tags.ts'
import { BlockGrid } from '../../ui/block-grid/block-grid.tsx'
import { errorCell, errorScale } from '../../ui/block-grid/error-cell.ts'
import { buildGrid, type CellNames } from '../../ui/block-grid/grid-model.ts'
import { GradientLegend } from '../../ui/block-grid/legend.tsx'
import { type Pointed, useNewPointed, usePointedNames } from '../../ui/block-grid/pointed.ts'
import { ratioCell, ratioLegend } from '../../ui/block-grid/ratio-cell.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { formatPercent } from '../../ui/format.ts'
import { Segmented } from '../../ui/segmented.tsx'
import { Select } from '../../ui/select.tsx'
import { useColorTheme } from '../../ui/theme.ts'

type Shown = 'a' | 'b' | 'ratio'

export function ErrorComparison({ rows }: { rows: readonly CompareRow[] }) {
  const theme = useColorTheme()
  const candidates = rows.filter((row) => row.tensors.length > 0)
  const [aId, setA] = useState<string | null>(null)
  const [bId, setB] = useState<string | null>(null)
  const [shown, setShown] = useState<Shown>('a')
  const pointed = useNewPointed()
  const a = candidates.find(({ model }) => model.id === aId) ?? candidates[0]
  const b = candidates.find(({ model }) => model.id === bId) ?? candidates.find((row) => row !== a) ?? a

  const aResults = useMemo(() => byName(a), [a])
  const bResults = useMemo(() => byName(b), [b])
  const grid = useMemo(() => {
    const names = new Set([...aResults.keys(), ...bResults.keys()])
    const linears = [...names].map((name) => ({
      name,
      block: blockIndex(name),
      tag: linearTag(name),
      tower: towerOf(name) ?? undefined,
    }))
    return buildGrid(linears.sort(byPosition))
  }, [aResults, bResults])
  // One scale for both, so that a colour means the same in either.
  const scale = useMemo(
    () => errorScale([...aResults.values(), ...bResults.values()].map(({ relativeError }) => relativeError)),
    [aResults, bResults],
  )
  const view = useMemo(() => {
    if (shown === 'ratio') return (names: CellNames) => ratioCell(names, aResults, bResults, theme)
    const results = shown === 'a' ? aResults : bResults
    return (names: CellNames) => errorCell(names, { results, scale, theme, isKept: () => true })
  }, [shown, aResults, bResults, scale, theme])

  if (a === undefined || b === undefined) {
    return (
      <EmptyState title="No errors per layer yet">
        Versions that are quantized here keep the error of each layer; they are compared here.
      </EmptyState>
    )
  }
  const options = candidates.map(({ model }) => ({
    value: model.id,
    label: model.name,
    hint: model.quantization?.label,
  }))
  const legend = ratioLegend()
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-5 py-3">
        <span className="flex items-center gap-2 text-xs text-ink-3">
          A
          <Select aria-label="Version A" className="w-64" value={a.model.id} onChange={setA} options={options} />
        </span>
        <span className="flex items-center gap-2 text-xs text-ink-3">
          B
          <Select aria-label="Version B" className="w-64" value={b.model.id} onChange={setB} options={options} />
        </span>
        <Segmented
          aria-label="Shown"
          value={shown}
          onChange={setShown}
          options={[
            { value: 'a', label: 'A' },
            { value: 'b', label: 'B' },
            { value: 'ratio', label: 'B against A' },
          ]}
        />
        {shown === 'ratio' ? (
          <GradientLegend label="Error of B over A" low={legend.low} high={legend.high} className="ml-auto" />
        ) : (
          scale.high > 0 && (
            <GradientLegend
              label="Relative error"
              low={formatPercent(scale.low, 2)}
              high={formatPercent(scale.high, 2)}
              className="ml-auto"
            />
          )
        )}
      </div>
      <BlockGrid
        label="Error per layer of two versions"
        model={grid}
        view={view}
        onPoint={pointed.point}
        className="ml-5"
      />
      <p className="flex h-9 shrink-0 items-center gap-4 overflow-hidden border-t border-line px-5 text-xs whitespace-nowrap text-ink-2">
        <PointedErrors pointed={pointed} a={aResults} b={bResults} />
      </p>
    </div>
  )
}

interface PointedErrorsProps {
  pointed: Pointed
  a: ReadonlyMap<string, TensorResult>
  b: ReadonlyMap<string, TensorResult>
}

function PointedErrors({ pointed, a, b }: PointedErrorsProps) {
  const name = usePointedNames(pointed)?.[0]
  if (name === undefined) return <span className="text-ink-3">Hover a cell for the errors of both versions.</span>
  return (
    <>
      <span className="font-mono text-ink">{name}</span>
      <span>A {errorWords(a.get(name))}</span>
      <span>B {errorWords(b.get(name))}</span>
    </>
  )
}

function byName(row: CompareRow | undefined): ReadonlyMap<string, TensorResult> {
  return new Map(row?.tensors.map((tensor) => [tensor.name, tensor]) ?? [])
}

function errorWords(result: TensorResult | undefined): string {
  return result === undefined ? 'kept' : formatPercent(result.relativeError)
}
