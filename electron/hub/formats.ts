/** How a model on the Hub is stored, from its tags, its config.json and the names of its files. */
import type { QuantFormat } from '../contract/hub.ts'

export interface FormatClues {
  tags: readonly string[]
  config: Readonly<Record<string, unknown>> | null
  files: readonly string[]
}

const NAMES: Readonly<Record<string, string>> = {
  hqq: 'HQQ',
  gptq: 'GPTQ',
  awq: 'AWQ',
  gguf: 'GGUF',
  bitsandbytes: 'bitsandbytes',
  bitnet: 'BitNet',
  fp8: 'FP8',
  'compressed-tensors': 'compressed-tensors',
  mlx: 'MLX',
  exl2: 'EXL2',
  exl3: 'EXL3',
  quanto: 'Quanto',
  torchao: 'torchao',
  mxfp4: 'MXFP4',
}

/** Null for plain floating point. */
export function quantFormatOf({ tags, config, files }: FormatClues): QuantFormat | null {
  const stored = asObject(config?.quantization_config)
  const method = stored === null ? null : methodOf(stored)
  if (method !== null) return described(method, bitsOf(stored ?? {}))
  if (files.some((path) => /(^|\/)qmodel\.pt$/.test(path))) return { method: 'hqq', label: 'HQQ (hqq library folder)' }
  const plain = files.some((path) => path.endsWith('.safetensors'))
  if (!plain && files.some((path) => path.endsWith('.gguf'))) return described('gguf', null)
  const known = tags.find((tag) => Object.hasOwn(NAMES, tag.toLowerCase()))
  // With files at hand their absence of a quantization says more than a tag.
  if (known === undefined || (plain && files.length > 0 && config !== null)) return null
  const bits = tags.map((tag) => /^(\d)-bit$/.exec(tag)?.[1]).find((text) => text !== undefined)
  return described(known.toLowerCase(), bits === undefined ? null : Number(bits))
}

function methodOf(stored: Readonly<Record<string, unknown>>): string | null {
  const { quant_method: method } = stored
  if (typeof method === 'string' && method !== '') return method.toLowerCase()
  return stored.load_in_4bit === true || stored.load_in_8bit === true ? 'bitsandbytes' : null
}

function bitsOf(stored: Readonly<Record<string, unknown>>): number | null {
  const inner = asObject(asObject(stored.quant_config)?.weight_quant_params)
  const bits = stored.bits ?? stored.w_bit ?? inner?.nbits
  if (typeof bits === 'number') return bits
  if (stored.load_in_4bit === true) return 4
  return stored.load_in_8bit === true ? 8 : null
}

function described(method: string, bits: number | null): QuantFormat {
  return { method, label: `${NAMES[method] ?? method}${bits === null ? '' : ` ${bits}-bit`}` }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}
