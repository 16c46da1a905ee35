/** What screens show of a model that sees: config.json's towers with the parameters and widths of their layers. */
import type { LinearInfo, TensorInfo } from '../contract/domain.ts'
import type { Tower, VisionSummary } from '../contract/vision.ts'
import { towerOf } from '../plan/tags.ts'
import { dtypeLabel } from './model-facts.ts'
import type { VisionConfig } from './vision-config.ts'

/** The tower of a module; names that do not say it belong to what the model mainly is. */
export function towerIn(kind: VisionSummary['kind'], name: string): Tower {
  return towerOf(name) ?? (kind === 'llava' ? 'language' : 'vision')
}

export function visionSummary(
  config: VisionConfig,
  tensors: readonly TensorInfo[],
  linears: readonly LinearInfo[],
  parametersOf: (tensor: TensorInfo) => number,
): VisionSummary {
  const { kind, prompt } = config
  const { imageSize, patchSize, towers } = withTensorSizes(config, tensors)
  return {
    kind,
    imageSize,
    patchSize,
    pictureTokens: prompt === null ? null : pictureTokens(config, imageSize, imageSize),
    towers: towers.map(({ id, layers, hiddenSize }) => {
      const own = linears.filter(({ tower }) => tower === id)
      const inTower = (name: string) => towerIn(kind, name) === id
      const quantized = own.filter((linear) => linear.quantized !== null)
      const plain = tensors
        // The temperature of a comparison is of no tower.
        .filter(
          ({ name, shape }) =>
            shape.length > 0 &&
            inTower(moduleOf(name)) &&
            !quantized.some((layer) => name.startsWith(`${layer.name}.`)),
        )
        .reduce((sum, tensor) => sum + parametersOf(tensor), 0)
      const packed = quantized.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0)
      return { id, layers, hiddenSize, parameters: plain + packed, dtype: dtypeLabel(own) }
    }),
  }
}

/** Tokens that a picture of this size takes in a prompt. */
export function pictureTokens({ patchSize, prompt }: VisionConfig, width: number, height: number): number {
  const patches = Math.floor(width / patchSize) * Math.floor(height / patchSize)
  return patches + (prompt?.keepsClassToken ? 1 : 0)
}

function moduleOf(tensor: string): string {
  return tensor.slice(0, tensor.lastIndexOf('.'))
}

/** timm's config.json names no sizes; its tensors have them. */
function withTensorSizes(config: VisionConfig, tensors: readonly TensorInfo[]): VisionConfig {
  const patch = tensors.find(({ name }) => name === 'patch_embed.proj.weight')?.shape
  const positions = tensors.find(({ name }) => name === 'pos_embed')?.shape
  if (patch === undefined || positions === undefined) return config
  const [hiddenSize = 0, , patchSize = 1] = patch
  const layers = tensors.filter(({ name }) => /^blocks\.\d+\.norm1\.weight$/.test(name)).length
  const side = Math.round(Math.sqrt((positions[1] ?? 1) - 1))
  return { ...config, patchSize, imageSize: side * patchSize, towers: [{ id: 'vision', layers, hiddenSize }] }
}
