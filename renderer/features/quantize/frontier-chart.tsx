/** Predicted loss against the budget: the best there is as a line, uniform choices beside it, versions that were measured filled. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { line } from 'd3-shape'
import { useRef } from 'react'
import type { PredictedRun } from '../../../electron/contract/sensitivity.ts'
import { type Budget, type BudgetResult, priceOf } from '../../../electron/plan/budget.ts'
import { useElementSize } from '../../ui/block-grid/grid-window.ts'
import { significant } from '../../ui/format.ts'
import { priceWords } from './price-words.ts'

export interface FrontierChartProps {
  kind: Budget['kind']
  best: readonly BudgetResult[]
  uniform: readonly { label: string; result: BudgetResult }[]
  present: BudgetResult
  found: BudgetResult
  runs: readonly PredictedRun[]
  /** Perplexity above the original's, in percent. */
  ratio(result: BudgetResult): number
}

const HEIGHT = 190
const BOX = { left: 40, right: 10, top: 10, bottom: 34 }
/** Percentages that lines are drawn at, as far as they are in the chart. */
const LINES = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]
/** Below this a loss cannot be told from none. */
const LEAST = 0.05

export function FrontierChart({ kind, best, uniform, present, found, runs, ratio }: FrontierChartProps) {
  const frame = useRef<HTMLDivElement>(null)
  const { width } = useElementSize(frame)
  const prices = best.map((result) => priceOf(result, kind))
  const losses = best.map((result) => Math.max(LEAST, ratio(result)))
  const low = Math.min(...prices)
  const high = Math.max(...prices)
  const shown = uniform.filter(({ result }) => priceOf(result, kind) <= high * 1.001)
  const top = Math.max(...losses, ...shown.map(({ result }) => ratio(result)), LEAST * 10)
  const x = scaleLinear([low, high], [BOX.left, Math.max(BOX.left + 1, width - BOX.right)])
  const y = scaleLog([Math.min(...losses), top], [HEIGHT - BOX.bottom, BOX.top]).clamp(true)
  const path = line<number>(
    (_, index) => x(prices[index] ?? low),
    (_, index) => y(losses[index] ?? LEAST),
  )(losses)
  const measured = kind === 'memory' ? [] : runs
  const at = (result: BudgetResult) => ({ cx: x(priceOf(result, kind)), cy: y(Math.max(LEAST, ratio(result))) })
  const words = shown.map(({ label, result }) => `${label}: ${significant(ratio(result), 2)} %`).join('; ')
  return (
    <div ref={frame} className="min-w-0">
      <svg
        role="img"
        aria-label={`Predicted perplexity above the original against the budget. Here ${significant(ratio(found), 2)} % at best. Uniform: ${words}.`}
        width={width}
        height={HEIGHT}
      >
        {LINES.filter((value) => value >= Math.min(...losses) && value <= top).map((value) => (
          <g key={value}>
            <line x1={BOX.left} x2={width - BOX.right} y1={y(value)} y2={y(value)} stroke="var(--line)" />
            <text x={BOX.left - 6} y={y(value) + 4} textAnchor="end" className="fill-ink-3 text-xs">
              {value} %
            </text>
          </g>
        ))}
        {x.ticks(4).map((value) => (
          <text key={value} x={x(value)} y={HEIGHT - 16} textAnchor="middle" className="fill-ink-3 text-xs">
            {kind === 'bits' ? value : priceWords(value, kind)}
          </text>
        ))}
        {path !== null && <path d={path} fill="none" stroke="var(--accent)" strokeWidth={2} strokeDasharray="5 3" />}
        {shown.map(({ label, result }) => (
          <circle key={label} {...at(result)} r={3.5} fill="none" stroke="var(--ink-3)" strokeWidth={1.5}>
            <title>{`Uniform ${label}: ${priceWords(priceOf(result, kind), kind)}, ${significant(ratio(result), 2)} %`}</title>
          </circle>
        ))}
        {measured.map((run) => (
          <circle
            key={run.name}
            cx={x(kind === 'bits' ? run.bitsPerWeight : run.fileBytes)}
            cy={y(Math.max(LEAST, (run.perplexityRatio - 1) * 100))}
            r={4}
            className="fill-ink-2"
          >
            <title>{`${run.name}, measured: ${significant((run.perplexityRatio - 1) * 100, 2)} %`}</title>
          </circle>
        ))}
        <Diamond {...at(present)} />
        <circle {...at(found)} r={5} fill="var(--raised)" stroke="var(--accent)" strokeWidth={2.5} />
        <text x={width - BOX.right} y={HEIGHT - 2} textAnchor="end" className="fill-ink-3 text-xs">
          ○ uniform, ● measured, ◆ now
        </text>
      </svg>
    </div>
  )
}

function Diamond({ cx, cy }: { cx: number; cy: number }) {
  return (
    <rect x={cx - 4} y={cy - 4} width={8} height={8} transform={`rotate(45 ${cx} ${cy})`} className="fill-ink">
      <title>The plan as it is</title>
    </rect>
  )
}
