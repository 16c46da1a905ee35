import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { formatDisk, formatParameters } from '../../ui/format.ts'
import { Select } from '../../ui/select.tsx'

export interface ModelSelectProps {
  models: readonly ModelSummary[]
  value: string
  onChange(modelId: string): void
}

/** The models there are; those that cannot be quantized say why. */
export function ModelSelect({ models, value, onChange }: ModelSelectProps) {
  return (
    <Select
      aria-label="Model"
      className="w-64"
      value={value}
      onChange={onChange}
      options={models.map((model) => ({
        value: model.id,
        label: model.name,
        hint: model.quantizeProblem?.message ?? hintOf(model),
        disabled: model.quantizeProblem !== null,
      }))}
    />
  )
}

function hintOf({ config, parameters, dtype, fileBytes }: ModelSummary): string {
  const parts = [config?.modelType, formatParameters(parameters), dtype, formatDisk(fileBytes)]
  return parts.filter((part) => part !== undefined && part !== '').join(' · ')
}
