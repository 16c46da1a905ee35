/** A request to quantize, worked out and checked before anything is started. */
import { access, constants, readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { DeviceChoice, Estimate, ModelDetail, QuantizeRequest } from '../contract/domain.ts'
import type { EngineQuant } from '../contract/engine.ts'
import { AppError } from '../contract/errors.ts'
import type { Choice, MethodName, QuantConfig, QuantSpec, ResolvedTensor } from '../contract/quant.ts'
import { mixLabel, resolvedRoundZero } from '../plan/choices.ts'
import { memoryFor } from '../plan/device.ts'
import { estimateConfig, type PlanSituation } from '../plan/estimate.ts'
import { methodFor } from '../plan/methods.ts'
import { formatDisk } from '../plan/units.ts'
import { toWriteError } from '../storage/atomic-write.ts'
import type { MachineInfo } from './machine.ts'
import type { Models } from './models.ts'
import { checkPlace } from './staging.ts'

/** A choice whose method is no longer open. */
export type DecidedChoice = Extract<Choice, { kind: 'keep' }> | { kind: 'quantize'; spec: DecidedSpec }
export type DecidedSpec = QuantSpec & { method: MethodName }

export interface QuantizePlan {
  detail: ModelDetail
  estimate: Estimate
  /** One row for each linear layer, kept ones included. */
  linears: (ResolvedTensor & { choice: DecidedChoice })[]
  /** What the engine gets. */
  choices: { name: string; quant: EngineQuant }[]
  label: string
}

export interface QuantizePlanner {
  /** What estimates are made for: this machine, and the device that models run on. */
  situation(contextLength: number): Promise<PlanSituation>
  /** Prices a configuration. Throws `bad-input` for one that does not suit the model. */
  estimate(modelId: string, config: QuantConfig, contextLength: number): Promise<Estimate>
  /** Throws what stands against it: a bad rule, a model that cannot be quantized, too little memory or disk. */
  plan(modelId: string, config: QuantConfig, outDir: string): Promise<QuantizePlan>
  /** The same for a model that is not on this disk. Does not look at the disk's room, which depends on how it arrives. */
  planRemote(detail: ModelDetail, config: QuantConfig, outDir: string | null): Promise<QuantizePlan>
  /** A free name and folder for a new model. Throws `bad-input` when the folder that was asked for is taken. */
  place(
    wanted: string,
    request: Pick<QuantizeRequest, 'name' | 'outDir' | 'overwrite'>,
  ): Promise<{ name: string; outDir: string }>
  /** The request with its name and place decided. */
  complete(request: QuantizeRequest): Promise<QuantizeRequest & { name: string; outDir: string }>
}

export interface QuantizePlannerDeps {
  models: Models
  machine: MachineInfo
  /** Where to work when a request does not say. */
  device(): DeviceChoice
  outputDir(): string
  contextLength(): number
  freeBytes(path: string): Promise<number>
}

export function createQuantizePlanner({
  models,
  machine,
  device,
  outputDir,
  contextLength,
  freeBytes,
}: QuantizePlannerDeps): QuantizePlanner {
  async function situation(length: number): Promise<PlanSituation> {
    const here = await machine.machine()
    return { contextLength: length, machine: here, runsIn: memoryFor(device(), here) }
  }

  /** `isHere`: the whole model is on this disk, so that methods can run it. */
  async function planOf(
    detail: ModelDetail,
    config: QuantConfig,
    outDir: string,
    isHere: boolean,
  ): Promise<QuantizePlan> {
    if (detail.summary.quantizeProblem !== null) throw AppError.fromShape(detail.summary.quantizeProblem)
    const estimate = estimateConfig(detail, config, await situation(contextLength()))
    if (estimate.quantizeFit.verdict === 'too-big') throw new AppError('out-of-memory', estimate.quantizeFit.reason)
    await checkWritable(outDir)
    const names = new Set(detail.linears.map((linear) => linear.name))
    const measurable = isHere && detail.summary.runProblem === null
    const linears = estimate.table
      .filter((row) => names.has(row.name))
      .map((row) => ({ ...row, choice: withMethod(row.choice, measurable) }))
    const choices = linears.flatMap(({ name, choice }) =>
      choice.kind === 'keep' ? [] : [{ name, quant: engineQuant(choice.spec) }],
    )
    const label = mixLabel(linears.map((row) => row.choice))
    if (label === null) throw new AppError('bad-input', 'Every layer is kept, so there is nothing to quantize.')
    return { detail, estimate, linears, choices, label }
  }

  async function plan(modelId: string, config: QuantConfig, outDir: string): Promise<QuantizePlan> {
    const found = await planOf(await models.detail(modelId), config, outDir, true)
    await checkDisk(found.estimate.fileBytes, outDir, freeBytes)
    return found
  }

  async function place(
    wanted: string,
    { name, outDir, overwrite }: Pick<QuantizeRequest, 'name' | 'outDir' | 'overwrite'>,
  ): Promise<{ name: string; outDir: string }> {
    if (outDir !== undefined) {
      const chosen = resolve(outDir)
      await checkPlace(chosen, overwrite ?? false)
      return { name: name ?? basename(chosen), outDir: chosen }
    }
    const free = await freeName(outputDir(), name ?? wanted)
    return { name: free.name, outDir: join(outputDir(), free.folder) }
  }

  return {
    situation,
    async estimate(modelId, config, length) {
      const detail = await models.detail(modelId)
      return estimateConfig(detail, config, await situation(length))
    },
    plan,
    planRemote: (detail, config, outDir) => planOf(detail, config, outDir ?? outputDir(), false),
    place,
    async complete(request) {
      const { label } = await plan(request.modelId, request.config, request.outDir ?? outputDir())
      const source = await models.find(request.modelId)
      return { ...request, device: request.device ?? device(), ...(await place(`${source.name} ${label}`, request)) }
    },
  }
}

function withMethod(choice: Choice, measurable: boolean): DecidedChoice {
  if (choice.kind === 'keep') return choice
  return { kind: 'quantize', spec: { ...choice.spec, method: methodFor(choice.spec, measurable) } }
}

/** A spec with every default resolved, as the engine wants it. */
export function engineQuant(spec: DecidedSpec): EngineQuant {
  const { nbits, groupSize, axis, method, quantZero, quantScale } = spec
  return {
    nbits,
    groupSize,
    axis,
    channelWise: true,
    roundZero: resolvedRoundZero(spec),
    method,
    quantZero,
    quantScale,
  }
}

/** Throws `not-writable` when the folder, or the nearest one above it that exists, may not be written to. */
async function checkWritable(outDir: string): Promise<void> {
  for (let folder = outDir; ; folder = dirname(folder)) {
    try {
      await access(folder, constants.W_OK)
      return
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!missing || dirname(folder) === folder) throw toWriteError(error, folder)
    }
  }
}

/** Copies of the tokenizer and other small files beside the weights. */
const SMALL_FILES_BYTES = 64 * 2 ** 20

async function checkDisk(
  fileBytes: number,
  outDir: string,
  freeBytes: (path: string) => Promise<number>,
): Promise<void> {
  const needed = fileBytes + SMALL_FILES_BYTES
  const free = await freeBytes(outDir)
  if (free >= needed) return
  throw new AppError(
    'disk-full',
    `The result needs ${formatDisk(needed)}, but the disk of ${outDir} has ${formatDisk(free)} free. ` +
      'Free some space or choose another folder.',
    { neededBytes: needed, freeBytes: free },
  )
}

/** The wanted name, with a number when its folder is taken by a finished or unfinished model. */
async function freeName(dir: string, wanted: string): Promise<{ name: string; folder: string }> {
  const taken = new Set<string>(await readdir(dir).catch(() => []))
  const slug = slugOf(wanted)
  for (let number = 1; ; number++) {
    const folder = number === 1 ? slug : `${slug}-${number}`
    if (taken.has(folder) || taken.has(`${folder}.partial`)) continue
    return { name: number === 1 ? wanted : `${wanted} (${number})`, folder }
  }
}

/** A folder name that every file system takes. */
function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  return slug === '' ? 'model' : slug.slice(0, 100)
}
