/** Tokens of a text as a person reads them, each with what two models thought when it came. */
import type { ComparedToken } from '../contract/difference.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import type { Divergence } from './divergence-columns.ts'

/** `divergence` (null: none) is about `ids` from the first on; the text of those from `begin` on is given. */
export async function comparedTokens(
  tokenizers: Tokenizers,
  dir: string,
  { ids, begin = 0 }: { ids: readonly number[]; begin?: number },
  divergence: Divergence | null,
): Promise<ComparedToken[]> {
  const shown = ids.slice(begin)
  const pieces = await tokenizers.pieces(dir, ids.slice(0, begin), shown)
  if (divergence === null) return pieces.map((text) => ({ text, seen: null }))
  const rows = new Map(divergence.position.map((position, row) => [position, row]))
  const wanted = shown.map((_, index) => rows.get(begin + index))
  const tops = await namesOf(
    tokenizers,
    dir,
    wanted.flatMap((row) => (row === undefined ? [] : [divergence.referenceTop[row] ?? 0, divergence.top[row] ?? 0])),
  )
  const probability = (column: readonly number[], row: number) => Math.min(1, Math.exp(-(column[row] ?? 0)))
  return pieces.map((text, index) => {
    const row = wanted[index]
    if (row === undefined) return { text, seen: null }
    return {
      text,
      seen: {
        kl: divergence.kl[row] ?? 0,
        referenceProbability: probability(divergence.referenceNll, row),
        probability: probability(divergence.nll, row),
        referenceTop: tops.get(divergence.referenceTop[row] ?? 0) ?? '',
        referenceTopProbability: probability(divergence.referenceTopNll, row),
        top: tops.get(divergence.top[row] ?? 0) ?? '',
        topProbability: probability(divergence.topNll, row),
      },
    }
  })
}

async function namesOf(tokenizers: Tokenizers, dir: string, ids: readonly number[]): Promise<Map<number, string>> {
  const distinct = [...new Set(ids)]
  const names = await tokenizers.names(dir, distinct)
  return new Map(distinct.map((id, index) => [id, names[index] ?? '']))
}
