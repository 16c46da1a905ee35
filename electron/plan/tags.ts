/**
 * Where a linear layer stands in a model, read from its module name: the block it belongs to and its linear tag, the
 * name that all layers of the same role share. Works on names alone, so a new model family needs nothing here.
 */

import { TOWERS, type Tower } from '../contract/vision.ts'

/** Containers that numbered blocks live in; they and numbers are not part of a tag. */
const CONTAINERS = new Set(['model', 'layers', 'blocks', 'transformer', 'h'])
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

/** Routers of mixture-of-experts models: small, and everything after them depends on them. */
const ROUTERS = new Set(['gate', 'shared_expert_gate'])
const EMBEDDING = /(^|[._])(embed\w*|wte)$/

/** Parts of a model that sees, told by the modules they are in. */
const TOWER_PATTERNS: readonly (readonly [Tower, RegExp])[] = [
  ['projector', /(^|\.)multi_modal_projector\./],
  ['vision', /(^|\.)(vision_tower|vision_model)\.|^visual_projection$/],
  ['text', /^text_model\.|^text_projection$/],
  ['language', /(^|\.)language_model\.|^lm_head$/],
]

/** Null where the name does not say it. */
export function towerOf(name: string): Tower | null {
  return TOWER_PATTERNS.find(([, pattern]) => pattern.test(name))?.[0] ?? null
}

/** Where a language model gets its pictures from: small beside it, and it was trained on exactly what they give. */
const SEEING = /(^|\.)(vision_tower|multi_modal_projector)\./

/**
 * Whether the base choice of a configuration leaves this layer alone unless a rule names it: layers outside the blocks
 * (embeddings, the head), routers, and the eyes of a language model.
 */
export function keptByDefault(name: string): boolean {
  return blockIndex(name) === null || ROUTERS.has(lastPart(name)) || SEEING.test(name)
}

/** Whether this is a table of token embeddings, whose rows are looked up; in a tied model it is the head as well. */
export function isEmbedding(name: string): boolean {
  return EMBEDDING.test(name)
}

/** Whether a layer is, or contains, the head that turns hidden states into logits. */
export function isHead(name: string): boolean {
  return name === 'lm_head' || name.startsWith('lm_head.')
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** Roles in the order in which a block computes them, over the names that model families give them. */
const ROLE_ORDER = [
  ['q_proj', 'qkv', 'qkv_proj', 'Wqkv'],
  ['k_proj'],
  ['v_proj'],
  ['o_proj', 'out_proj', 'dense', 'proj'],
  ['gate'],
  ['gate_proj', 'w1', 'fc1', 'gate_up_proj'],
  ['up_proj', 'w3'],
  ['down_proj', 'w2', 'fc2'],
]
const RANKS = new Map(ROLE_ORDER.flatMap((roles, rank) => roles.map((role) => [role, rank])))

interface Position {
  readonly name: string
  readonly block: number | null
  readonly tag: string
  readonly tower?: Tower | undefined
}

/** Tower by tower, block by block, within a block as it is computed; layers outside the blocks come last. For `sort`. */
export function byPosition(a: Position, b: Position): number {
  return (
    towerRank(a) - towerRank(b) ||
    (a.block ?? Number.MAX_SAFE_INTEGER) - (b.block ?? Number.MAX_SAFE_INTEGER) ||
    rankOf(a.tag) - rankOf(b.tag) ||
    collator.compare(a.name, b.name)
  )
}

function towerRank({ tower }: Position): number {
  return tower === undefined ? 0 : TOWERS.indexOf(tower)
}

function rankOf(tag: string): number {
  return RANKS.get(lastPart(tag)) ?? ROLE_ORDER.length
}

/** `experts.2` before `experts.10`. */
const collator = new Intl.Collator('en', { numeric: true })
