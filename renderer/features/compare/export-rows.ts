/** The comparison as CSV (one line per version and measurement) and as JSON. */
import type { CompareRow } from '../../../electron/contract/domain.ts'

const COLUMNS = [
  'model',
  'role',
  'quantization',
  'bits_per_weight',
  'file_bytes',
  'predicted_weights_bytes',
  'predicted_metadata_bytes',
  'predicted_kv_cache_bytes',
  'predicted_scratch_bytes',
  'predicted_other_bytes',
  'context_length',
  'quantize_seconds',
  'mean_relative_error',
  'metric',
  'value',
  'unit',
  'protocol',
  'measured_weights_bytes',
  'measured_metadata_bytes',
  'measured_kv_cache_bytes',
  'measured_scratch_bytes',
  'measured_other_bytes',
  'seconds',
  'engine_version',
  'measured_at',
] as const

/** RFC 4180, with a header. A version without measurements has one line with those columns empty. */
export function rowsToCsv(rows: readonly CompareRow[]): string {
  const lines = rows.flatMap((row) => {
    const { model, predicted } = row
    const version = [
      model.name,
      row.role,
      model.quantization?.label ?? model.dtype,
      model.quantization?.bitsPerWeight ?? null,
      model.fileBytes,
      predicted.weights,
      predicted.metadata,
      predicted.kvCache,
      predicted.scratch,
      predicted.other,
      row.contextLength,
      row.quantizeSeconds,
      row.meanRelativeError,
    ]
    if (row.measurements.length === 0) return [version]
    return row.measurements.map(({ metric, value, unit, protocolKey, memory, seconds, engineVersion, at }) => [
      ...version,
      metric,
      value,
      unit,
      protocolKey,
      memory?.weights ?? null,
      memory?.metadata ?? null,
      memory?.kvCache ?? null,
      memory?.scratch ?? null,
      memory?.other ?? null,
      seconds,
      engineVersion,
      at,
    ])
  })
  const table = [[...COLUMNS], ...lines.map((line) => [...line, ...Array(COLUMNS.length - line.length).fill(null)])]
  return table.map((line) => `${line.map(csvField).join(',')}\r\n`).join('')
}

/** Everything, readable by programs: the rows as the app keeps them. */
export function rowsToJson(rows: readonly CompareRow[]): string {
  return `${JSON.stringify({ format: 'hqq-studio-comparison', version: 1, rows }, null, 2)}\n`
}

function csvField(value: string | number | null): string {
  if (value === null) return ''
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
