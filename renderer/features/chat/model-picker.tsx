import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { memoryToRun, totalMemory } from '../../../electron/plan/memory.ts'
import { formatBitsPerWeight, formatMemory, formatParameters } from '../../ui/format.ts'
import { Select } from '../../ui/select.tsx'

export interface ModelPickerProps {
  models: readonly ModelSummary[]
  value: string
  /** Context in tokens that chats may use. */
  contextLength: number
  disabled: boolean
  onChange(id: string): void
}

/** Any model that can run, original or quantized; the others say why they cannot. */
export function ModelPicker({ models, value, contextLength, disabled, onChange }: ModelPickerProps) {
  return (
    <Select
      aria-label="Model"
      className="w-64"
      value={value}
      onChange={onChange}
      disabled={disabled}
      placeholder="This model is gone; pick another"
      options={models.map((model) => ({
        value: model.id,
        label: model.name,
        hint: model.runProblem?.message ?? modelFacts(model, contextLength),
        disabled: model.runProblem !== null,
      }))}
    />
  )
}

/** Size, bits and predicted memory of a model in one line. */
export function modelFacts(model: ModelSummary, contextLength: number): string {
  const { quantization } = model
  const bits =
    quantization === null ? model.dtype : `${quantization.label}, ${formatBitsPerWeight(quantization.bitsPerWeight)}`
  const context = Math.min(contextLength, model.config?.contextLength ?? contextLength)
  const parts = memoryToRun({ weightBytes: model.fileBytes, metadataBytes: 0 }, model.config, context)
  return `${formatParameters(model.parameters)} parameters · ${bits} · about ${formatMemory(totalMemory(parts))} to run`
}
