/** All services over the fake engine in a fresh data folder, with a small pretend model beside it. For tests. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type App, createApp } from '../../app.ts'
import { appContract } from '../../contract/app.ts'
import type { FakeEngineOptions } from '../../engine/fake-engine.ts'
import { type FakeTensor, writeWeights } from '../../engine/fake-safetensors.ts'
import { createFakeStarter, type FakeStarter } from '../../engine/fake-starter.ts'
import { MOVER_SCRIPT, QUICK_RETRY, SMALL_PIECES } from '../../hub/testing/world.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Client, createClient } from '../../rpc/client.ts'
import { serve } from '../../rpc/server.ts'
import { createMemoryPair } from '../../wires/memory.ts'

const RESOURCES = fileURLToPath(new URL('../../../resources', import.meta.url))
const TOKENIZER = new URL('../../tokenizer/worker.ts', import.meta.url)

export interface World {
  readonly root: string
  readonly dataDir: string
  readonly app: App
  readonly client: Client<typeof appContract>
  readonly starter: FakeStarter
  /** Ends the app as a power cut would not: cleanly. The folders stay. */
  close(): Promise<void>
}

export interface WorldOptions extends FakeEngineOptions {
  /** Folder of an earlier world, to start the app on what it left. */
  root?: string
  host?: Platform['host']
  /** Of the Hub; by default there is none to reach. */
  env?: Readonly<Record<string, string>>
}

const roots = new Set<string>()
const open = new Set<World>()

export async function createWorld({ root, host = 'web', env = {}, ...engine }: WorldOptions = {}): Promise<World> {
  const folder = root ?? mkdtempSync(join(tmpdir(), 'hqq-services-'))
  roots.add(folder)
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir, { recursive: true })
  const starter = createFakeStarter(engine)
  const platform: Platform = { host, dataDir, resourcesDir: RESOURCES }
  const app = await createApp({
    platform,
    starter,
    tokenizerScript: TOKENIZER,
    moverScript: MOVER_SCRIPT,
    log() {},
    env: { HF_HOME: join(folder, 'huggingface'), HF_ENDPOINT: 'http://127.0.0.1:9', ...env },
    hubTuning: { fetch: SMALL_PIECES, retry: QUICK_RETRY, stallMs: 2000, parallelFiles: 2 },
  })
  const pair = createMemoryPair()
  serve(appContract, app.handlers, pair.server)
  const world: World = {
    root: folder,
    dataDir,
    app,
    client: createClient(appContract, pair.client),
    starter,
    async close() {
      open.delete(world)
      pair.close()
      await app.dispose()
    },
  }
  open.add(world)
  return world
}

/** For `afterEach`. */
export async function closeWorlds(): Promise<void> {
  for (const world of [...open]) await world.close()
  for (const root of roots) rmSync(root, { recursive: true, force: true })
  roots.clear()
}

export const TINY_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  num_hidden_layers: 2,
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 4096,
  max_position_embeddings: 256,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
}

/** A Llama-shaped folder of a few kilobytes, with the demo model's tokenizer. */
export function makeTinyModel(dir: string, config: object = TINY_CONFIG): string {
  mkdirSync(dir, { recursive: true })
  const shapes: Record<string, [number, number]> = {
    'self_attn.q_proj': [64, 64],
    'self_attn.k_proj': [32, 64],
    'self_attn.v_proj': [32, 64],
    'self_attn.o_proj': [64, 64],
    'mlp.gate_proj': [128, 64],
    'mlp.up_proj': [128, 64],
    'mlp.down_proj': [64, 128],
  }
  const tensors: FakeTensor[] = [tensor('model.embed_tokens.weight', [4096, 64]), tensor('model.norm.weight', [64])]
  for (const block of [0, 1]) {
    for (const [tag, shape] of Object.entries(shapes))
      tensors.push(tensor(`model.layers.${block}.${tag}.weight`, shape))
  }
  writeWeights(join(dir, 'model.safetensors'), tensors, { format: 'pt' })
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config))
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'special_tokens_map.json']) {
    cpSync(join(RESOURCES, 'demo-model', name), join(dir, name))
  }
  return dir
}

function tensor(name: string, shape: number[]): FakeTensor {
  return { name, dtype: 'BF16', shape, bytes: shape.reduce((product, size) => product * size, 2) }
}
