/** Which program quantized a model that the app did not make, as its config.json says. */
import { z } from 'zod'
import type { RawConfig } from './model-config.ts'

const NAMES: Readonly<Record<string, string>> = {
  gptq: 'GPTQ',
  awq: 'AWQ',
  'compressed-tensors': 'compressed-tensors',
  bitsandbytes: 'bitsandbytes',
}

const configSchema = z.looseObject({ quant_method: z.string() })
const rawSchema = z.looseObject({
  quantization_config: configSchema.nullish(),
  compression_config: z.unknown().optional(),
})

/** A name for people; null for plain models and for the formats of HQQ. */
export function storedFormatOf(raw: RawConfig): string | null {
  const parsed = rawSchema.safeParse(raw)
  if (!parsed.success) return null
  const { quantization_config: config, compression_config: early } = parsed.data
  // Models of compressed-tensors' first versions.
  if (config == null) return early == null ? null : (NAMES['compressed-tensors'] ?? null)
  return NAMES[config.quant_method] ?? null
}
