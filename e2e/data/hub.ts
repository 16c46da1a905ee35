/** A Hub on the loopback with the bundled demo model on it, under a name of its own. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FakeHub, startFakeHub } from '../../electron/hub/testing/fake-hub.ts'
import { DEMO_MODEL } from '../paths.ts'

export const HUB_TOKEN = 'hf_end2end1234'
export const HUB_MODEL = 'acme/tiny-story'

const CARD = '---\nlicense: apache-2.0\n---\n# Tiny story\n\nA small model for tests.\n'

export async function startDemoHub(): Promise<FakeHub> {
  const hub = await startFakeHub({ accounts: { [HUB_TOKEN]: { name: 'acme' } } })
  const files = Object.fromEntries(readdirSync(DEMO_MODEL).map((name) => [name, readFileSync(join(DEMO_MODEL, name))]))
  const info = {
    tags: ['license:apache-2.0'],
    config: { architectures: ['LlamaForCausalLM'], model_type: 'llama' },
    safetensors: { total: 14_162_304 },
    pipeline_tag: 'text-generation',
    downloads: 1200,
  }
  hub.add(HUB_MODEL, { ...files, 'README.md': Buffer.from(CARD) }, { info })
  hub.add('acme/story-gguf', {}, { info: { tags: ['gguf'], downloads: 7 } })
  return hub
}
