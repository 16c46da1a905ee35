/** Folders with real tokenizers for the tests: one in the repository, others where shared golden data is at hand. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

export const DEMO_MODEL = path('../../resources/demo-model')

/** SentencePiece-style BPE with byte fallback. */
export const STORIES_MODEL = path('../../../shared/data/models/stories260K')
export const HAS_STORIES = existsSync(STORIES_MODEL)

/** Byte-level BPE with digit splitting, and golden values of a real chat model; the folder is made from a GGUF file. */
export const SMOLLM2_GOLDEN = path('../../../shared/data/models/smollm2-135m-instruct/golden.json')
export const SMOLLM2_MODEL = process.env.HQQ_SMOLLM2_DIR ?? path('../../../models/smollm2')
export const HAS_SMOLLM2 = existsSync(SMOLLM2_GOLDEN) && existsSync(SMOLLM2_MODEL)

for (const [has, what] of [
  [HAS_STORIES, 'the stories260K model of the shared data'],
  [HAS_SMOLLM2, 'SmolLM2 as a folder (HQQ_SMOLLM2_DIR) and its golden values'],
] as const) {
  if (!has) process.stderr.write(`tokenizer tests: skipped those that need ${what}, which is not there\n`)
}
