/** What the selected layers get: bits, group, axis and the rarer switches. Its height never changes: the grid below must not move. */
import { Pin, Settings2 } from 'lucide-react'
import type { Choice, Nbits } from '../../../electron/contract/quant.ts'
import { NBITS } from '../../../electron/contract/quant.ts'
import { GROUP_SIZES } from '../../../electron/plan/choices.ts'
import { Button, IconButton } from '../../ui/button.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { type ChoiceEdit, changeSpec, commonChoice, keepLayers, setBits } from './choice-edits.ts'
import { GroupSizeSelect } from './group-size-select.tsx'
import { MoreSpecOptions } from './more-spec-options.tsx'

export interface SelectionBarProps {
  selectedChoices: readonly Choice[]
  onEdit(change: ChoiceEdit): void
  onSelectAll(): void
  /** Absent where there is no budget that pins would matter to. */
  pins?: { pressed: boolean; onToggle(): void }
}

const BITS = [
  ...NBITS.map((nbits) => ({ value: String(nbits), label: String(nbits) })),
  { value: 'keep', label: 'Keep' },
]

export function SelectionBar(props: SelectionBarProps) {
  const { selectedChoices, onEdit, onSelectAll, pins } = props
  const count = selectedChoices.length
  const common = commonChoice(selectedChoices)
  const isKept = common.bits === 'keep'
  return (
    <div
      role="toolbar"
      aria-label="Selected layers"
      className="flex h-12 shrink-0 items-center gap-3 overflow-x-auto border-b border-line px-5"
    >
      <span aria-live="polite" className="w-24 shrink-0 text-sm font-medium text-ink">
        {count === 0 ? <span className="font-normal text-ink-3">None selected</span> : `${count} selected`}
      </span>
      {count === 0 ? (
        <>
          <p className="truncate text-sm text-ink-3">Click or drag over cells, rows or columns to change them.</p>
          <Button size="sm" onClick={onSelectAll}>
            Select all
          </Button>
        </>
      ) : (
        <>
          <Labelled label="Bits">
            <Segmented
              aria-label="Bits"
              size="sm"
              value={common.bits === null ? null : String(common.bits)}
              onChange={(value) => onEdit(value === 'keep' ? keepLayers : setBits(bitsOf(value)))}
              options={BITS}
            />
          </Labelled>
          <Labelled label="Group">
            <GroupSizeSelect
              value={isKept ? undefined : common.groupSize}
              onChange={(groupSize) => onEdit(changeSpec({ groupSize }))}
              sizes={GROUP_SIZES}
              disabled={isKept}
            />
          </Labelled>
          <MoreSpecOptions common={common} disabled={isKept} onEdit={onEdit}>
            <IconButton size="sm" icon={Settings2} label="Axis, method and metadata" disabled={isKept} />
          </MoreSpecOptions>
          {pins !== undefined && (
            <IconButton
              size="sm"
              icon={Pin}
              label={pins.pressed ? 'Unpin: a budget may change them' : 'Pin: a budget leaves them as they are'}
              aria-pressed={pins.pressed}
              onClick={pins.onToggle}
            />
          )}
        </>
      )}
    </div>
  )
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <span className="flex shrink-0 items-center gap-1.5 text-xs text-ink-3">
      <span aria-hidden>{label}</span>
      {children}
    </span>
  )
}

function bitsOf(value: string): Nbits {
  return NBITS.find((nbits) => String(nbits) === value) ?? 4
}
