import { describe, expect, it } from 'vitest'
import { allNames, buildGrid, namesBetween, namesOfColumn, namesOfRow, positionOf } from './grid-model.ts'

const tags = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj']
const linears = [
  { name: 'lm_head', block: null, tag: 'lm_head' },
  ...[1, 0].flatMap((block) => tags.map((tag) => ({ name: `model.layers.${block}.${tag}`, block, tag }))),
]
const model = buildGrid(linears)

describe('buildGrid', () => {
  it('gives a row to each block in order, and a wide one to each layer outside', () => {
    expect(model.rows.map(({ label, isWide }) => [label, isWide])).toEqual([
      ['0', false],
      ['1', false],
      ['lm_head', true],
    ])
    expect(model.columns).toEqual([
      { key: 'self_attn.q_proj', label: 'q_proj', group: 'self_attn' },
      { key: 'self_attn.v_proj', label: 'v_proj', group: 'self_attn' },
      { key: 'mlp.up_proj', label: 'up_proj', group: 'mlp' },
    ])
    expect(model.hasShared).toBe(false)
  })

  it('leaves holes where a block has no such layer', () => {
    const { rows } = buildGrid([
      { name: 'layers.0.a', block: 0, tag: 'a' },
      { name: 'layers.1.b', block: 1, tag: 'b' },
    ])
    expect(rows.map(({ cells }) => cells)).toEqual([
      [['layers.0.a'], []],
      [[], ['layers.1.b']],
    ])
  })

  it('groups the rows of each tower below a row that is all of it, with columns in common', () => {
    const towers = buildGrid([
      { name: 'vision_model.encoder.layers.0.mlp.fc1', block: 0, tag: 'vision_model.encoder.mlp.fc1', tower: 'vision' },
      { name: 'visual_projection', block: null, tag: 'visual_projection', tower: 'vision' },
      { name: 'text_model.encoder.layers.0.mlp.fc1', block: 0, tag: 'text_model.encoder.mlp.fc1', tower: 'text' },
      { name: 'text_model.encoder.layers.0.mlp.fc2', block: 0, tag: 'text_model.encoder.mlp.fc2', tower: 'text' },
    ])
    expect(towers.columns.map(({ key }) => key)).toEqual(['mlp.fc1', 'mlp.fc2'])
    expect(towers.rows.map(({ name, cells }) => [name, cells.map((names) => names.length)])).toEqual([
      ['vision', [2]],
      ['vision block 0', [1, 0]],
      ['visual_projection', [1]],
      ['text', [2]],
      ['text block 0', [1, 1]],
    ])
    expect(allNames(towers)).toHaveLength(4)
    expect(namesOfRow(towers, 3)).toHaveLength(2)
    expect(positionOf(towers, 'text_model.encoder.layers.0.mlp.fc2')).toEqual({ row: 4, column: 1 })
    // A drag over a tower's row does not take the tower along.
    expect(namesBetween(towers, { row: 2, column: 0 }, { row: 4, column: 0 })).toEqual([
      'visual_projection',
      'text_model.encoder.layers.0.mlp.fc1',
    ])
  })

  it('gathers experts in a cell, or gives each a column', () => {
    const experts = [0, 1, 2].map((expert) => ({
      name: `model.layers.4.moe.experts.${expert}.w1`,
      block: 4,
      tag: 'moe.experts.w1',
    }))
    const merged = buildGrid(experts)
    expect(merged.hasShared).toBe(true)
    expect(merged.rows[0]?.cells).toEqual([experts.map(({ name }) => name)])
    const spread = buildGrid(experts, { spread: true })
    expect(spread.columns.map(({ key }) => key)).toEqual(['moe.experts.0.w1', 'moe.experts.1.w1', 'moe.experts.2.w1'])
  })
})

describe('selecting by place', () => {
  it('takes rectangles whichever corner comes first', () => {
    const expected = ['model.layers.0.self_attn.v_proj', 'model.layers.0.mlp.up_proj']
    expect(namesBetween(model, { row: 0, column: 1 }, { row: 0, column: 2 })).toEqual(expected)
    expect(namesBetween(model, { row: 0, column: 2 }, { row: 0, column: 1 })).toEqual(expected)
    expect(namesBetween(model, { row: 1, column: 2 }, { row: 2, column: 2 })).toEqual([
      'model.layers.1.mlp.up_proj',
      'lm_head',
    ])
  })

  it('takes rows, columns and everything', () => {
    expect(namesOfRow(model, 1)).toHaveLength(3)
    expect(namesOfColumn(model, 0)).toEqual(['model.layers.0.self_attn.q_proj', 'model.layers.1.self_attn.q_proj'])
    expect(allNames(model)).toHaveLength(7)
    expect(positionOf(model, 'model.layers.1.mlp.up_proj')).toEqual({ row: 1, column: 2 })
    expect(positionOf(model, 'none')).toBeNull()
  })
})
