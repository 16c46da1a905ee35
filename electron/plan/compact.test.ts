import { describe, expect, it } from 'vitest'
import type { Choice } from '../contract/quant.ts'
import { choiceKey, KEEP, quantize } from './choices.ts'
import { configFromChoices } from './compact.ts'
import { decide } from './resolve.ts'
import { keptByDefault } from './tags.ts'
import { DEMO_CONFIG, llamaModel } from './testing/llama.ts'

const { linears } = llamaModel({ ...DEMO_CONFIG, tiedEmbeddings: false })
const four = quantize(4, 64)
const two = quantize(2, 16)

function choicesWith(edits: (name: string) => Choice | undefined): Map<string, Choice> {
  return new Map(linears.map(({ name }) => [name, edits(name) ?? (keptByDefault(name) ? KEEP : four)]))
}

function roundTrip(choices: ReadonlyMap<string, Choice>, names = linears) {
  const config = configFromChoices(choices, 'float16')
  const decisions = decide(config, names)
  for (const [name, choice] of choices) {
    expect(choiceKey(decisions.get(name)?.choice ?? KEEP), name).toBe(choiceKey(choice))
  }
  return config
}

describe('configFromChoices', () => {
  it('needs no rule when all are alike', () => {
    expect(roundTrip(choicesWith(() => undefined))).toEqual({ base: four, rules: [], computeDtype: 'float16' })
  })

  it('writes a column as one rule', () => {
    const config = roundTrip(choicesWith((name) => (name.endsWith('v_proj') ? two : undefined)))
    expect(config.rules).toEqual([{ pattern: 'model.layers.*.self_attn.v_proj', choice: two }])
  })

  it('writes a block as one rule', () => {
    const config = roundTrip(choicesWith((name) => (name.startsWith('model.layers.3.') ? KEEP : undefined)))
    expect(config.rules).toEqual([{ pattern: 'model.layers.3.*', choice: KEEP }])
  })

  it('gathers single cells of a column', () => {
    const edited = new Set(['model.layers.0.mlp.up_proj', 'model.layers.5.mlp.up_proj'])
    const config = roundTrip(choicesWith((name) => (edited.has(name) ? two : undefined)))
    expect(config.rules).toEqual([{ pattern: 'model.layers.{0,5}.mlp.up_proj', choice: two }])
  })

  it('names the head when it is quantized', () => {
    const config = roundTrip(choicesWith((name) => (name === 'lm_head' ? two : undefined)))
    expect(config.rules).toEqual([{ pattern: 'lm_head', choice: two }])
  })

  it('gives any choices back exactly', () => {
    const palette = [four, two, KEEP, quantize(8, null, { axis: 0 }), quantize(4, 64, { quantZero: true })]
    // A small linear congruential generator: the same mixtures in every run.
    let state = 7
    const next = () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31
      return state
    }
    for (let round = 0; round < 50; round += 1) {
      const density = (next() % 100) / 100
      roundTrip(choicesWith(() => ((next() % 1000) / 1000 < density ? palette[next() % palette.length] : undefined)))
    }
  })

  it('holds for routers and experts', () => {
    const names = [0, 1, 2].flatMap((block) => [
      `model.layers.${block}.block_sparse_moe.gate`,
      ...[0, 1].map((expert) => `model.layers.${block}.block_sparse_moe.experts.${expert}.w1`),
    ])
    const moe = names.map((name) => ({ name, shape: [64, 64] as [number, number], sourceBytes: 8192 }))
    const choices = new Map(
      names.map((name) => [name, name.endsWith('gate') ? KEEP : name.includes('.1.') ? two : four]),
    )
    const config = configFromChoices(choices, 'float16')
    const decisions = decide(config, moe)
    for (const [name, choice] of choices) expect(decisions.get(name)?.choice, name).toEqual(choice)
  })

  it('falls back to names where a pattern would reach too far', () => {
    const names = ['a.0.w', 'a.1.w', 'a.0.a.1.w', 'a.2.b.w']
    const choices = new Map<string, Choice>([
      ['a.0.w', two],
      ['a.1.w', two],
      ['a.0.a.1.w', four],
      ['a.2.b.w', four],
    ])
    const config = configFromChoices(choices, 'float16')
    const decisions = decide(
      config,
      names.map((name) => ({ name })),
    )
    for (const [name, choice] of choices) expect(decisions.get(name)?.choice, name).toEqual(choice)
  })
})
