/**
 * SentencePiece's BPE keeps a score for each piece; the tokenizer library wants the merges in order. A piece arises from any two pieces
 * that make it up, and the piece with the higher score goes first (as in transformers' conversion of such vocabularies).
 */

/** `scores[i]` belongs to `tokens[i]`. Each merge is "left right"; pieces never hold a space, which is ▁ in them. */
export function spmMerges(tokens: readonly string[], scores: readonly number[]): string[] {
  const idOf = new Map(tokens.map((token, id) => [token, id]))
  const merges: { text: string; score: number }[] = []
  for (const [id, token] of tokens.entries()) {
    for (const [left, right] of splits(token, idOf)) merges.push({ text: `${left} ${right}`, score: scores[id] ?? 0 })
  }
  // Stable: merges of one piece keep their order.
  return merges.sort((a, b) => b.score - a.score).map(({ text }) => text)
}

/** All ways to make a piece of two others, those of earlier pieces first. */
function splits(token: string, idOf: ReadonlyMap<string, number>): [string, string][] {
  const characters = [...token]
  const found: { pair: [string, string]; ids: [number, number] }[] = []
  for (let at = 1; at < characters.length; at++) {
    const pair: [string, string] = [characters.slice(0, at).join(''), characters.slice(at).join('')]
    const [left, right] = [idOf.get(pair[0]), idOf.get(pair[1])]
    if (left !== undefined && right !== undefined) found.push({ pair, ids: [left, right] })
  }
  found.sort((a, b) => a.ids[0] - b.ids[0] || a.ids[1] - b.ids[1])
  return found.map(({ pair }) => pair)
}
