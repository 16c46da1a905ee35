/** Model folders that must be refused with a sentence, each broken in one way. Made from the demo model. */
import { cpSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DEMO_MODEL } from '../paths.ts'

function copyOfDemo(dir: string): string {
  cpSync(DEMO_MODEL, dir, { recursive: true })
  return dir
}

function weightsOf(dir: string): string {
  return join(dir, 'model.safetensors')
}

/** The download stopped half-way. */
export function truncated(dir: string): string {
  truncateSync(weightsOf(copyOfDemo(dir)), 1_000_000)
  return dir
}

/** A header that claims to be larger than any file. */
export function hostileHeader(dir: string): string {
  const file = openSync(weightsOf(copyOfDemo(dir)), 'r+')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(2n ** 62n)
  writeSync(file, length, 0, 8, 0)
  return dir
}

/** A family we do not run. */
export function unsupportedArchitecture(dir: string): string {
  const path = join(copyOfDemo(dir), 'config.json')
  const config = { ...JSON.parse(readFileSync(path, 'utf8')), architectures: ['MambaForCausalLM'], model_type: 'mamba' }
  writeFileSync(path, JSON.stringify(config))
  return dir
}

export function withoutTokenizer(dir: string): string {
  copyOfDemo(dir)
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) rmSync(join(dir, name))
  return dir
}

/** One weight of a layer is not a number. */
export function withNan(dir: string): string {
  const path = weightsOf(copyOfDemo(dir))
  const bytes = readFileSync(path)
  const headerLength = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + headerLength).toString())
  const [begin] = header['model.layers.2.mlp.up_proj.weight'].data_offsets
  bytes.writeUInt16LE(0x7fc0, 8 + headerLength + begin)
  writeFileSync(path, bytes)
  return dir
}
