/** Which programs load a model, or what a plan would make of it: said before the work, and for what is there. */
import { Check, X } from 'lucide-react'
import { useMemo } from 'react'
import type { LinearInfo } from '../../electron/contract/domain.ts'
import type { ResolvedTensor } from '../../electron/contract/quant.ts'
import { type PortableLayer, type PortableModel, portabilityOf } from '../../electron/plan/portability.ts'
import { Section } from '../ui/page.tsx'

export function LoadsIn({ model }: { model: PortableModel }) {
  const rows = useMemo(() => portabilityOf(model), [model])
  return (
    <Section title="Loads in">
      <ul className="flex flex-col gap-2">
        {rows.map(({ program, ok, reason, nearest }) => (
          <li key={program} className="flex gap-2 text-xs text-ink-2">
            {ok ? (
              <Check aria-label="yes" className="mt-0.5 size-3.5 shrink-0 text-ink" />
            ) : (
              <X aria-label="no" className="mt-0.5 size-3.5 shrink-0 text-ink-3" />
            )}
            <span>
              <span className="font-medium text-ink">{program}</span> {reason}
              {nearest !== null && ` Nearest that would: ${nearest}.`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

export function layersOfPlan(table: readonly ResolvedTensor[]): PortableLayer[] {
  return table.map(({ name, shape, choice }) => ({
    name,
    shape: [shape[0] ?? 0, shape[1] ?? 0],
    spec: choice.kind === 'keep' ? null : choice.spec,
  }))
}

export function layersOfModel(linears: readonly LinearInfo[]): PortableLayer[] {
  return linears.map(({ name, shape, quantized }) => ({ name, shape, spec: quantized }))
}
