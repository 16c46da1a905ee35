/** What the selected layers get: bits, group, axis and the rarer switches; undo and redo beside it. */
import { Redo2, Settings2, Undo2 } from 'lucide-react'
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
  onUndo(): void
  onRedo(): void
  canUndo: boolean
  canRedo: boolean
}

const BITS = [
  ...NBITS.map((nbits) => ({ value: String(nbits), label: String(nbits) })),
  { value: 'keep', label: 'Keep' },
]

export function SelectionBar(props: SelectionBarProps) {
  const { selectedChoices, onEdit, onSelectAll, onUndo, onRedo, canUndo, canRedo } = props
  const count = selectedChoices.length
  const common = commonChoice(selectedChoices)
  const isKept = common.bits === 'keep'
  return (
    <div
      role="toolbar"
      aria-label="Selected layers"
      className="flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1.5 border-b border-line px-5 py-2"
    >
      <span aria-live="polite" className="w-24 text-sm font-medium text-ink">
        {count === 0 ? <span className="font-normal text-ink-3">None selected</span> : `${count} selected`}
      </span>
      {count === 0 ? (
        <>
          <p className="text-sm text-ink-3">Click or drag over cells, rows or columns to change them.</p>
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
        </>
      )}
      <span className="ml-auto flex gap-0.5">
        <IconButton size="sm" icon={Undo2} label="Undo" keys="mod+z" disabled={!canUndo} onClick={onUndo} />
        <IconButton size="sm" icon={Redo2} label="Redo" keys="shift+mod+z" disabled={!canRedo} onClick={onRedo} />
      </span>
    </div>
  )
}

function Labelled({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <span className="flex items-center gap-1.5 text-xs text-ink-3">
      <span aria-hidden>{label}</span>
      {children}
    </span>
  )
}

function bitsOf(value: string): Nbits {
  return NBITS.find((nbits) => String(nbits) === value) ?? 4
}
