import { Lock, TriangleAlert } from 'lucide-react'
import type { HubModel } from '../../../electron/contract/hub.ts'
import { hrefFor } from '../../client/route.ts'
import { Badge } from '../../ui/badge.tsx'
import { cn } from '../../ui/cn.ts'
import { formatDisk, formatParameters } from '../../ui/format.ts'

const FITS = {
  fits: { label: 'fits', tone: 'ok' },
  tight: { label: 'tight', tone: 'warn' },
  'too-big': { label: 'too big', tone: 'danger' },
} as const

export function ResultCard({ model, isSelected }: { model: HubModel; isSelected: boolean }) {
  const [owner = '', name = model.name] = model.name.split('/')
  const fit = model.fits === null ? null : FITS[model.fits]
  return (
    <a
      href={hrefFor('hub', { repo: model.name })}
      aria-current={isSelected ? 'true' : undefined}
      aria-label={model.name}
      className={cn(
        'block rounded-md px-2.5 py-2 transition-colors duration-120 focus-visible:-outline-offset-1',
        isSelected ? 'bg-selected' : 'hover:bg-hover',
      )}
    >
      <span className="flex items-center gap-1.5">
        <span className="min-w-0 flex-1 truncate font-medium text-ink">{name}</span>
        {(model.gated !== 'no' || model.private) && (
          <Lock aria-label={model.private ? 'Private' : 'Gated'} className="size-3.5 shrink-0 text-ink-3" />
        )}
        {model.problem !== null && model.quantized === null && (
          <TriangleAlert aria-label={model.problem} className="size-3.5 shrink-0 text-warn-text" />
        )}
        {model.quantized !== null && <Badge>{model.quantized.label}</Badge>}
      </span>
      <span className="flex gap-2 text-xs text-ink-3">
        <span className="min-w-0 flex-1 truncate">{owner}</span>
        <span>{compact(model.downloads)} downloads</span>
      </span>
      <span className="flex items-center gap-2 text-xs text-ink-3">
        <span className="min-w-0 flex-1 truncate">
          {[
            model.parameters === null ? null : formatParameters(model.parameters),
            model.licence,
            model.architecture?.replace(/For[A-Z]\w*$/, ''),
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
        {model.roughBytes !== null && model.quantized === null && (
          <span title="A 4-bit version, from the number of parameters alone">
            4-bit ≈ {formatDisk(model.roughBytes)}
            {fit !== null && (
              <span className={cn('ml-1', model.fits === 'fits' ? 'text-ok-text' : 'text-warn-text')}>{fit.label}</span>
            )}
          </span>
        )}
      </span>
    </a>
  )
}

const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

function compact(value: number): string {
  return compactNumber.format(value)
}
