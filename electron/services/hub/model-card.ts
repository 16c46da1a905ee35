/** The card that goes up with a quantized model: what it was made from and how, what was measured and how, and how to load it. */
import type { Measurement } from '../../contract/domain.ts'
import { choiceLabel } from '../../plan/choices.ts'
import { linearTag } from '../../plan/tags.ts'
import { formatDisk, significant } from '../../plan/units.ts'
import type { Provenance } from '../provenance.ts'

export interface CardFacts {
  /** owner/name of the new repository. */
  repo: string
  title: string
  /** "4-bit g64". */
  label: string
  bitsPerWeight: number
  fileBytes: number
  parameters: number
  /** owner/name of the original on the Hub; null when it did not come from there. */
  base: { name: string; commit: string; licence: string | null } | null
  provenance: Provenance
  measurements: readonly Measurement[]
}

export function modelCard(facts: CardFacts): string {
  const sections = [frontMatter(facts), opening(facts), layers(facts), measured(facts), loading(facts), record(facts)]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function frontMatter({ base }: CardFacts): string {
  const lines = [
    '---',
    'pipeline_tag: text-generation',
    'library_name: transformers',
    'tags:',
    '  - hqq',
    '  - quantized',
  ]
  if (base !== null) lines.push(`base_model: ${base.name}`, 'base_model_relation: quantized')
  if (base?.licence) lines.push(`license: ${base.licence}`)
  return [...lines, '---'].join('\n')
}

function opening({ title, label, bitsPerWeight, fileBytes, parameters, base, provenance }: CardFacts): string {
  const source =
    base === null ? 'a local model' : `[${base.name}](https://huggingface.co/${base.name}) at commit \`${base.commit}\``
  return [
    `# ${title}`,
    '',
    `${source} quantized with [Half-Quadratic Quantization](https://mobiusml.github.io/hqq_blog/) by HQQ Studio, without calibration data.`,
    '',
    '| | |',
    '|---|---|',
    `| Quantization | ${label} |`,
    `| Bits per weight | ${significant(bitsPerWeight)} over the quantized layers, scales and zeros included |`,
    `| Parameters | ${significant(parameters / 1e6)} M |`,
    `| Files | ${formatDisk(fileBytes)} |`,
    `| Scales, zeros and kept tensors | ${provenance.config.computeDtype} |`,
  ].join('\n')
}

/** One line for each kind of layer and what it got. */
function layers({ provenance }: CardFacts): string {
  const groups = new Map<string, { count: number; error: number }>()
  for (const { name, spec, relativeError } of provenance.tensors) {
    const key = `| ${linearTag(name)} | ${choiceLabel({ kind: 'quantize', spec })} | ${spec.method} |`
    const group = groups.get(key) ?? { count: 0, error: 0 }
    groups.set(key, { count: group.count + 1, error: group.error + relativeError })
  }
  const rows = [...groups].map(
    ([key, { count, error }]) => `${key} ${count} | ${significant((100 * error) / count)} % |`,
  )
  if (rows.length === 0) return ''
  return [
    '## Layers',
    '',
    '| layer | gets | method | count | mean relative error |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function measured({ measurements }: CardFacts): string {
  if (measurements.length === 0) return ''
  const latest = new Map(measurements.map((one) => [`${one.metric} ${one.protocolKey}`, one]))
  const rows = [...latest.values()].map(
    ({ metric, value, unit, protocol, engineVersion }) =>
      `| ${metric} | ${metric === 'memory' ? formatDisk(value) : `${significant(value, 4)} ${unit}`} | ${protocolText(protocol)} | ${engineVersion} |`,
  )
  return [
    '## Measured',
    '',
    'Numbers of different protocols cannot be compared.',
    '',
    '| what | value | protocol | engine |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function protocolText(protocol: Measurement['protocol']): string {
  return Object.entries(protocol)
    .filter(([, value]) => value !== null && typeof value !== 'object')
    .map(([name, value]) => `${name} ${String(value).slice(0, 40)}`.replaceAll('|', '/'))
    .join(', ')
}

function loading({ repo, provenance }: CardFacts): string {
  const { transformers, ...rest } = provenance.loadsIn
  const parts = ['## How to load it', '', `**HQQ Studio**: search for \`${repo}\`, or \`hqq-studio download ${repo}\`.`]
  if (transformers?.ok) {
    parts.push(
      '',
      '**transformers** (4.x, with the `hqq` package):',
      '',
      '```python',
      'from transformers import AutoModelForCausalLM, AutoTokenizer',
      '',
      `model = AutoModelForCausalLM.from_pretrained("${repo}", device_map="auto", torch_dtype="auto")`,
      `tokenizer = AutoTokenizer.from_pretrained("${repo}")`,
      '```',
    )
  } else if (transformers !== undefined) parts.push('', `**transformers** does not load it: ${transformers.reason}`)
  for (const [name, { ok, reason }] of Object.entries(rest)) {
    if (name !== 'HQQ Studio') parts.push('', ok ? `**${name}**: ${reason}` : `**${name}** does not load it: ${reason}`)
  }
  return parts.join('\n')
}

function record({ provenance }: CardFacts): string {
  return [
    '## Configuration',
    '',
    `Engine ${provenance.engineVersion}. \`hqq-studio.json\` beside the weights names the hashes of the source and what every tensor got. To make the same again:`,
    '',
    '```json',
    JSON.stringify(provenance.config, null, 2),
    '```',
  ].join('\n')
}
