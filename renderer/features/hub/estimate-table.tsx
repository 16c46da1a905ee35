import { useMemo } from 'react'
import type { HubModelDetail } from '../../../electron/contract/hub.ts'
import { BUILT_IN_PRESETS } from '../../../electron/plan/presets.ts'
import { useQuery, useWatch } from '../../client/use-query.ts'
import { Badge } from '../../ui/badge.tsx'
import { cn } from '../../ui/cn.ts'
import { formatBitsPerWeight, formatDisk, formatMemory } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'
import { suitingEstimate } from './suiting-estimate.ts'

const FITS = {
  fits: { label: 'fits', tone: 'ok' },
  tight: { label: 'tight', tone: 'warn' },
  'too-big': { label: 'too big', tone: 'danger' },
} as const

export interface EstimateTableProps {
  plan: NonNullable<HubModelDetail['plan']>
  /** Id of the preset that is chosen. */
  chosen: string
  onChoose(id: string): void
}

/** File and memory at each built-in preset, for the machine and the context length of the settings. */
export function EstimateTable({ plan, chosen, onChoose }: EstimateTableProps) {
  const { data: engine } = useWatch('engine.watch', {})
  const { data: settings } = useQuery('settings.get', {})
  const machine = engine?.machine ?? null
  const contextLength = Math.min(settings?.contextLength ?? 2048, plan.config?.contextLength ?? Number.MAX_SAFE_INTEGER)
  const rows = useMemo(
    () =>
      BUILT_IN_PRESETS.flatMap((preset) => {
        const estimate = suitingEstimate(plan, preset.config, { contextLength, machine })
        return typeof estimate === 'string' ? [] : [{ preset, estimate }]
      }),
    [plan, contextLength, machine],
  )
  return (
    <Section
      title="What it would take"
      description={`Predicted from its tensors, at ${contextLength} tokens of context`}
    >
      <table aria-label="Estimates" className="w-full max-w-4xl border-separate border-spacing-0 text-sm">
        <thead>
          <tr className="text-left text-xs text-ink-3">
            {['Quantized to', 'Bits per weight', 'File', 'Memory to run', 'Here'].map((title, index) => (
              <th
                key={title}
                scope="col"
                className={cn('border-b border-line py-1.5 pr-4 font-medium', index > 0 && index < 4 && 'text-right')}
              >
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ preset, estimate }) => {
            const fit = FITS[estimate.runFit.verdict]
            return (
              <tr key={preset.id} className={cn(chosen === preset.id && 'bg-selected')}>
                <th scope="row" className="border-b border-line/60 py-1.5 pr-4 text-left font-normal">
                  <label className="flex items-center gap-2 text-ink" title={preset.description}>
                    <input
                      type="radio"
                      name="preset"
                      className="accent-accent"
                      checked={chosen === preset.id}
                      onChange={() => onChoose(preset.id)}
                    />
                    {preset.name}
                  </label>
                </th>
                <td className="border-b border-line/60 pr-4 text-right">
                  {formatBitsPerWeight(estimate.bitsPerWeight)}
                </td>
                <td className="border-b border-line/60 pr-4 text-right">{formatDisk(estimate.fileBytes)}</td>
                <td className="border-b border-line/60 pr-4 text-right">{formatMemory(estimate.runTotalBytes)}</td>
                <td className="border-b border-line/60 py-1" title={estimate.runFit.reason}>
                  {machine && <Badge tone={fit.tone}>{fit.label}</Badge>}
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </Section>
  )
}
