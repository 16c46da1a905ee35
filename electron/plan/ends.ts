/** What becomes of the two tables at the ends of a model, in words: embeddings and head. */
import type { Choice } from '../contract/quant.ts'
import { choiceLabel } from './choices.ts'
import { isEmbedding, isHead } from './tags.ts'

/** "embeddings kept, head 8-bit g64"; null for a model that shows neither. */
export function endsLabel(rows: readonly { name: string; choice: Choice }[], tied: boolean): string | null {
  const embedding = rows.find(({ name }) => isEmbedding(name))
  const head = rows.find(({ name }) => isHead(name))
  const parts: string[] = []
  if (embedding !== undefined) parts.push(`embeddings ${choiceLabel(embedding.choice)}`)
  // A tied head that is stored on its own account is used only when it was quantized.
  if (tied && head?.choice.kind !== 'quantize') parts.push('head tied to them')
  else if (head !== undefined) parts.push(`head ${choiceLabel(head.choice)}`)
  return embedding === undefined && head === undefined ? null : parts.join(', ')
}
