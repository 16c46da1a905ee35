import type { ReactNode } from 'react'
import { METHODS, methodInfo } from '../../../electron/plan/methods.ts'
import { Field } from '../../ui/field.tsx'
import { Popover } from '../../ui/popover.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import { Switch } from '../../ui/switch.tsx'
import { type ChoiceEdit, type CommonChoice, changeSpec } from './choice-edits.ts'

export interface MoreSpecOptionsProps {
  common: CommonChoice
  disabled: boolean
  onEdit(change: ChoiceEdit): void
  /** The button that opens it. */
  children: ReactNode
}

/** The choices that are right as they are for nearly everyone. */
export function MoreSpecOptions({ common, onEdit, children }: MoreSpecOptionsProps) {
  return (
    <Popover label="Axis, method and metadata" trigger={children} className="flex w-96 flex-col gap-3">
      <Field label="Axis" hint="Groups along the input (1) or the output dimension (0). Fast kernels want 1.">
        <Segmented
          size="sm"
          value={common.axis === null || common.axis === undefined ? null : String(common.axis)}
          onChange={(axis) => onEdit(changeSpec({ axis: axis === '0' ? 0 : 1 }))}
          options={[
            { value: '1', label: '1, input' },
            { value: '0', label: '0, output' },
          ]}
        />
      </Field>
      <Field label="Method" hint={methodHint(common.method)}>
        <Segmented
          size="sm"
          value={common.method ?? null}
          onChange={(method) => onEdit(changeSpec({ method }))}
          options={METHODS.map(({ name, label }) => ({ value: name, label }))}
        />
      </Field>
      <Field label="8-bit zeros" hint="Smaller metadata; the Python libraries do not read it.">
        <Switch checked={common.quantZero === true} onChange={(quantZero) => onEdit(changeSpec({ quantZero }))} />
      </Field>
      <Field label="8-bit scales" hint="In groups of 128; needs a multiple of 128 groups per layer.">
        <Switch checked={common.quantScale === true} onChange={(quantScale) => onEdit(changeSpec({ quantScale }))} />
      </Field>
    </Popover>
  )
}

function methodHint(method: CommonChoice['method']): string {
  return method ? methodInfo(method).hint : 'The selected layers differ.'
}
