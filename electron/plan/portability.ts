/**
 * Which programs load a quantized model: arithmetic over what each layer is to be, or is. The rules are those of the programs' own
 * readers (hqq 0.2.8, transformers 4.57 and 5.x, vLLM's hqq_marlin and compressed-tensors, ggml's block types).
 */
import type { QuantSpec } from '../contract/quant.ts'
import { quantSpec, specLabel } from './choices.ts'
import { interchangeProblem } from './packing.ts'
import { isEmbedding, isHead } from './tags.ts'

export interface PortableLayer {
  readonly name: string
  readonly shape: readonly [number, number]
  /** Null: kept plain. */
  readonly spec: QuantSpec | null
}

export interface PortableModel {
  readonly architecture: string
  /** The program's whose format a finished model is in, as "GPTQ"; null for this app's own and for plans. */
  readonly storedFormat: string | null
  readonly layers: readonly PortableLayer[]
}

export interface Portability {
  readonly program: string
  readonly ok: boolean
  /** How, or what stands against it. */
  readonly reason: string
  /** The nearest configuration that would load; null when it does, or when none would. */
  readonly nearest: string | null
  /** What has to be done first: the option of `convert`; null when the folder loads as it is. */
  readonly convertTo: 'compressed-tensors' | 'gguf' | null
}

/** Mixtures of experts. */
const WITH_EXPERTS = /Mixtral|Moe/
/** Architectures that ggml's programs know under a name of theirs and whose tensors the app can rename. */
const GGUF_ARCHITECTURES =
  /^(Llama|Mistral|Qwen2|Qwen3|Phi3|Gemma|Gemma2|Gemma3|SmolLM3|Olmo2|Mixtral|Qwen2Moe|Qwen3Moe)ForC/

export function portabilityOf(model: PortableModel): Portability[] {
  if (model.storedFormat === QMODEL) return ofQmodel(model)
  if (model.storedFormat !== null) return ofStoredFormat(model.storedFormat)
  const quantized = model.layers.flatMap((layer) => (layer.spec === null ? [] : [{ ...layer, spec: layer.spec }]))
  return [
    yes('HQQ Studio', 'It is the format of this app.'),
    pythonHqq(quantized),
    transformers4(model, quantized),
    no('transformers 5', 'It opens such a folder without any quantized layer, and says nothing.', null),
    servers(quantized, model),
    ggml(model, quantized),
  ]
}

/** The file of hqq's own save_quantized: layers of HQQ in a container that only hqq reads. */
const QMODEL = 'qmodel.pt'

function ofQmodel(model: PortableModel): Portability[] {
  const inFile = `It does not read ${QMODEL}.`
  return portabilityOf({ ...model, storedFormat: null }).map((row) => {
    if (row.program === 'HQQ Studio') return yes(row.program, `It reads ${QMODEL}.`)
    if (row.program === 'Python hqq') return yes(row.program, 'With AutoHQQHFModel.from_quantized.')
    return row.ok && row.convertTo === null ? no(row.program, inFile, 'convert --to hqq-safetensors') : row
  })
}

/** Models as other programs made them, unchanged. */
function ofStoredFormat(format: string): Portability[] {
  const inHqq = 'convert --to hqq-safetensors'
  const reason = `It reads ${format}.`
  const needs = `${reason} The package for it is needed, too.`
  return [
    yes('HQQ Studio', reason),
    no('Python hqq', `It does not read ${format}.`, inHqq),
    yes('transformers 4.57', needs),
    yes('transformers 5', needs),
    yes('vLLM, SGLang', reason),
    format === 'GGUF'
      ? yes('llama.cpp, Ollama, LM Studio', 'It is their own format.')
      : no('llama.cpp, Ollama, LM Studio', 'These programs read GGUF files.', null),
  ]
}

type Quantized = PortableLayer & { readonly spec: QuantSpec }

function yes(program: string, reason: string, convertTo: Portability['convertTo'] = null): Portability {
  return { program, ok: true, reason, nearest: null, convertTo }
}

function no(program: string, reason: string, nearest: string | null): Portability {
  return { program, ok: false, reason, nearest, convertTo: null }
}

function pythonHqq(layers: readonly Quantized[]): Portability {
  return (
    interchange('Python hqq', layers) ??
    yes(
      'Python hqq',
      'With hqq 0.2.8: HQQLinear.load_state_dict takes each layer; as one file with convert --to qmodel.',
    )
  )
}

function transformers4(model: PortableModel, layers: readonly Quantized[]): Portability {
  const program = 'transformers 4.57'
  const problem = interchange(program, layers)
  if (problem !== null) return problem
  if (WITH_EXPERTS.test(model.architecture) && new Set(layers.map(({ spec }) => specLabel(spec))).size > 1) {
    return no(
      program,
      'A mix of configurations is looked up by the last two parts of a name, which experts do not have.',
      uniform(layers),
    )
  }
  return yes(program, 'With the hqq package beside it.')
}

/** What keeps the Python libraries from reading the layers at all; null when nothing does. */
function interchange(program: string, layers: readonly Quantized[]): Portability | null {
  for (const { name, shape, spec } of layers) {
    if (isEmbedding(name))
      return no(program, `${name}: it quantizes linear layers only, not embeddings.`, 'the same with embeddings kept')
    const problem = interchangeProblem(shape, spec)
    if (problem !== null) return no(program, `${name}: ${problem}.`, label(nearestReference(spec)))
  }
  return null
}

/** 5 and 6 bits become 4 or 8; metadata stays in floats. */
function nearestReference(spec: QuantSpec): QuantSpec {
  const nbits = spec.nbits === 5 ? 4 : spec.nbits === 6 ? 8 : spec.nbits
  return quantSpec(nbits, spec.groupSize, { axis: spec.axis })
}

/** vLLM and SGLang: HQQ folders of one shape as they are, W4A16 and W8A16 through compressed-tensors. */
function servers(layers: readonly Quantized[], { layers: all }: PortableModel): Portability {
  const program = 'vLLM, SGLang'
  const blocks = all.filter(({ name }) => !isHead(name) && !isEmbedding(name))
  const asItIs = blocks.every(({ spec }) => spec?.nbits === 4 && spec.groupSize === 64 && spec.axis === 1)
  if (asItIs && layers.every(({ name }) => !isHead(name) && !isEmbedding(name)))
    return yes(
      program,
      'vLLM reads 4-bit groups of 64 as they are (hqq_marlin, NVIDIA GPUs from Ampere on); both read it converted.',
    )
  for (const { name, shape, spec } of layers) {
    const why = compressedProblem(shape, spec)
    if (why !== null)
      return no(
        program,
        `${name}: ${why}.`,
        label(quantSpec(spec.nbits > 4 ? 8 : 4, serverGroup(shape, spec.groupSize))),
      )
  }
  return yes(program, `Convert it to compressed-tensors first (${zeroNote(layers)}).`, 'compressed-tensors')
}

/** Group sizes of their fast kernels; one scale a row is the other form. */
const SERVER_GROUPS: readonly number[] = [32, 64, 128]

function compressedProblem(shape: readonly [number, number], spec: QuantSpec): string | null {
  if (spec.axis !== 1) return 'compressed-tensors has groups along the input only (axis 1)'
  const { groupSize } = spec
  if (groupSize === null || groupSize === shape[1]) return null
  if (shape[1] % groupSize !== 0) return `groups of ${groupSize} go on in the next row`
  return SERVER_GROUPS.includes(groupSize)
    ? null
    : `the kernels take groups of ${SERVER_GROUPS.join(', ')} or whole rows, not ${groupSize}`
}

function serverGroup(shape: readonly [number, number], groupSize: number | null): number | null {
  const wanted = groupSize ?? 128
  const fitting = SERVER_GROUPS.filter((size) => shape[1] % size === 0)
  return fitting.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted))[0] ?? null
}

/** What conversion costs: zero points are integers there. */
function zeroNote(layers: readonly Quantized[]): string {
  const exact = layers.every(
    ({ spec }) => spec.method === 'rtn' && (spec.roundZero ?? spec.nbits === 4) && !spec.quantZero,
  )
  if (exact) return 'exact: its zeros are integers'
  return 'zeros are rounded to integers, so use --bits 8; exact with --method rtn --round-zero'
}

/** Blocks of ggml: 32 values along the input with a scale and a minimum of their own. What fits none becomes float16. */
function ggml(model: PortableModel, layers: readonly Quantized[]): Portability {
  const program = 'llama.cpp, Ollama, LM Studio'
  if (!GGUF_ARCHITECTURES.test(model.architecture))
    return no(
      program,
      `The architecture ${model.architecture || '(none named)'} has no name there that the app knows.`,
      null,
    )
  const misfit = layers.find(({ spec }) => spec.axis !== 1 || spec.groupSize !== 32 || ![4, 5].includes(spec.nbits))
  if (misfit === undefined)
    return yes(program, 'Convert it to GGUF first (its groups are the blocks Q4_1 and Q5_1).', 'gguf')
  return no(
    program,
    `${misfit.name}: ${specLabel(misfit.spec)} may fit no block of theirs, and is then float16 in the GGUF file.`,
    label(quantSpec(misfit.spec.nbits === 5 ? 5 : 4, 32)),
  )
}

function uniform(layers: readonly Quantized[]): string | null {
  const [first] = layers
  return first === undefined ? null : `${label(first.spec)} everywhere`
}

function label(spec: QuantSpec): string {
  return specLabel(spec)
}
