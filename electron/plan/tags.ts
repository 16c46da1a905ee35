/**
 * Where a linear layer stands in a model, read from its module name: the block it belongs to and its linear tag, the
 * name that all layers of the same role share. Works on names alone, so a new model family needs nothing here.
 */

/** Containers that numbered blocks live in; they and numbers are not part of a tag. */
const CONTAINERS = new Set(['model', 'layers', 'blocks'])
const NUMBER = /^\d+$/

/** `model.layers.3.mlp.up_proj` -> `mlp.up_proj`; `lm_head` -> `lm_head`. */
export function linearTag(name: string): string {
  const parts = name.split('.').filter((part) => !CONTAINERS.has(part) && !NUMBER.test(part))
  return parts.length > 0 ? parts.join('.') : name
}

/** Index of the transformer block: the first number in the name; null outside the blocks. */
export function blockIndex(name: string): number | null {
  const number = name.split('.').find((part) => NUMBER.test(part))
  return number === undefined ? null : Number(number)
}

/** What stands before and after the block index: `model.layers.` and `.mlp.up_proj`; null outside the blocks. */
export function splitAtBlock(name: string): { prefix: string; suffix: string } | null {
  const parts = name.split('.')
  const at = parts.findIndex((part) => NUMBER.test(part))
  if (at < 0) return null
  const dotted = (some: readonly string[]) => some.map((part) => `${part}.`).join('')
  return { prefix: dotted(parts.slice(0, at)), suffix: name.slice(parts.slice(0, at + 1).join('.').length) }
}

/**
 * Whether the base choice of a configuration leaves this layer alone unless a rule names it: layers outside the blocks
 * (the head) and the routers of mixture-of-experts models, which are small and decide everything after them.
 */
export function keptByDefault(name: string): boolean {
  return blockIndex(name) === null || linearTag(name).split('.').at(-1) === 'gate'
}
