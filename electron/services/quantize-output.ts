/** What makes a folder of quantized weights a model: configuration, everything about text, and the record of how it was made. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TensorResult } from '../contract/domain.ts'
import type { QuantConfig } from '../contract/quant.ts'
import { TEXT_FILES } from '../tokenizer/tokenizer-files.ts'
import { withMembers } from './json-text.ts'
import { readModelConfig } from './model-config.ts'
import { PROVENANCE_FILE, type Provenance } from './provenance.ts'
import type { QuantizePlan } from './quantize-plan.ts'
import { configChanges, loadsIn } from './saved-config.ts'
import type { Staging } from './staging.ts'

export interface FinishedWeights {
  /** Folder of the original's small files. */
  sourceDir: string
  source: Provenance['source']
  config: QuantConfig
  engineVersion: string
  tensors: readonly TensorResult[]
  /** Names of the weight files in the staging folder. */
  weightFiles: readonly string[]
}

/** Adds what is missing to the staging folder and moves it to its place. */
export async function publishModel(staging: Staging, plan: QuantizePlan, made: FinishedWeights): Promise<void> {
  const files = await writeSmallFiles(staging, plan, made)
  const record = provenanceOf(plan, made, [...files, PROVENANCE_FILE].sort())
  await staging.write(PROVENANCE_FILE, json(record))
  await staging.publish([...files, PROVENANCE_FILE])
}

/** Licences go with the weights. */
const LICENCE = /^(licen[cs]e|notice)(\..*)?$/i

/** config.json and bit-exact copies of everything about text. Returns the names of all files, the weights included. */
async function writeSmallFiles(
  staging: Staging,
  plan: QuantizePlan,
  { sourceDir, config, weightFiles }: FinishedWeights,
): Promise<string[]> {
  const { raw } = await readModelConfig(sourceDir)
  const text = await readFile(join(sourceDir, 'config.json'), 'utf8')
  await staging.write('config.json', withMembers(text, configChanges(raw, plan.linears, config.computeDtype)))
  const copied = await smallFilesOf(sourceDir)
  for (const name of copied) await staging.copy(join(sourceDir, name), name)
  return [...weightFiles, 'config.json', ...copied]
}

/** What goes along with the weights as it is: everything about text, and licences. */
export async function smallFilesOf(sourceDir: string): Promise<string[]> {
  const known = new Set<string>(TEXT_FILES)
  const names: string[] = await readdir(sourceDir)
  return names.filter((name) => known.has(name) || LICENCE.test(name))
}

function provenanceOf(plan: QuantizePlan, made: FinishedWeights, files: string[]): Provenance {
  const measured = new Map(made.tensors.map((tensor) => [tensor.name, tensor]))
  const tensors = plan.linears.flatMap(({ name, choice, decidedBy }) => {
    const result = measured.get(name)
    if (choice.kind === 'keep' || result === undefined) return []
    const { meanAbsError, relativeError, iterations, bytes } = result
    return [{ name, spec: choice.spec, decidedBy, meanAbsError, relativeError, iterations, bytes }]
  })
  const { source, engineVersion, config } = made
  return { format: 1, engineVersion, source, config, tensors, files, loadsIn: loadsIn(plan.linears) }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
