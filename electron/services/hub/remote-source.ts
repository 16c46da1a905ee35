/** A model on the Hub as the planner and the record of a result see one, before any of its weights are here. */
import type { ModelDetail } from '../../contract/domain.ts'
import { AppError } from '../../contract/errors.ts'
import { TEXT_FILES } from '../../tokenizer/tokenizer-files.ts'
import type { Provenance } from '../provenance.ts'
import { FULL_HASH_BYTES, sha256 } from '../source-hashes.ts'
import { factsOf, quantizeProblemOf, type RemoteModel } from './inspect.ts'

/** Throws `unsupported` for a model whose weights are not plain floating point. */
export function remoteDetail(name: string, { config, headers, files, raw }: RemoteModel): ModelDetail {
  const facts = factsOf(headers, config.summary)
  const has = (path: string) => files.some((file) => file.path === path)
  const problem = quantizeProblemOf(config) ?? (raw.quantization_config == null ? null : alreadyQuantized())
  return {
    summary: {
      id: 'hub',
      name,
      path: name,
      origin: 'added',
      config: config.summary,
      parameters: facts.parameters,
      dtype: facts.dtype,
      fileBytes: facts.fileBytes,
      quantization: null,
      hasTokenizer: TEXT_FILES.some((path) => path.startsWith('tokenizer') && has(path)),
      hasChatTemplate: false,
      runProblem: config.problem?.toShape() ?? null,
      quantizeProblem: problem?.toShape() ?? null,
      note: null,
      addedAt: new Date(0).toISOString(),
    },
    tensors: facts.tensors,
    linears: facts.linears,
    otherBytes: facts.otherBytes,
    chatTemplate: null,
    generation: {},
    provenance: null,
    card: null,
  }
}

/** As hashSource gives it for the same files on disk; `configText` is config.json. */
export function remoteHashes(
  { headers }: RemoteModel,
  configText: Uint8Array,
): Pick<Provenance['source'], 'configSha256' | 'weights'> {
  return {
    configSha256: sha256(configText),
    weights: headers.map(({ file, bytes }) => ({
      file: file.path,
      bytes: file.bytes,
      headerSha256: sha256(bytes.subarray(8)),
      sha256: file.bytes <= FULL_HASH_BYTES && file.id.kind === 'sha256' ? file.id.hex : null,
    })),
  }
}

function alreadyQuantized(): AppError {
  return new AppError('unsupported', 'This model is already quantized. Quantize the original it was made from.')
}
