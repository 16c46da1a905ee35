/** Texts that perplexities are quoted on. */
import type { TextSource } from '../contract/domain.ts'

/** WikiText-2 raw, the test split, as the reference benchmark takes it. */
export const WIKITEXT_2 = {
  kind: 'dataset',
  repo: 'Salesforce/wikitext',
  config: 'wikitext-2-raw-v1',
  split: 'test',
  column: 'text',
} as const satisfies TextSource
