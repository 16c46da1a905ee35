/** Choosing bits: presets, selections, patterns, undo, presets of one's own. */
import { expect, test } from '../fixtures.ts'

test.beforeEach(async ({ app }) => {
  await app.ui.goTo('Quantize')
  await app.ui.quantize.ready()
})

test('a preset changes every cell and the estimate', async ({ app }) => {
  const { quantize } = app.ui
  const layer = 'model.layers.3.mlp.up_proj'
  await quantize.applyPreset('8-bit')
  await expect(quantize.cell(layer)).toHaveAccessibleName(/8-bit/)
  const before = await quantize.estimate().innerText()
  await quantize.applyPreset('Small 2-bit, 4-bit attention')
  await expect(quantize.cell(layer)).toHaveAccessibleName(/2-bit/)
  await expect(quantize.cell('model.layers.3.self_attn.q_proj')).toHaveAccessibleName(/4-bit/)
  expect(await quantize.estimate().innerText()).not.toBe(before)
})

test('layers are selected by pattern, changed together, and undone step by step', async ({ app }) => {
  const { quantize } = app.ui
  await quantize.applyPreset('4-bit')
  await quantize.selectByName('*.v_proj')
  await expect(quantize.selectedCells()).toHaveCount(8)
  await quantize.setBits(6)
  const first = quantize.cell('model.layers.0.self_attn.v_proj')
  await expect(first).toHaveAccessibleName(/6-bit/)
  await quantize.setBits('keep')
  await expect(first).toHaveAccessibleName(/kept/i)
  await app.page.keyboard.press('Control+z')
  await expect(first).toHaveAccessibleName(/6-bit/)
  await app.page.keyboard.press('Control+z')
  await expect(first).toHaveAccessibleName(/4-bit/)
  await app.page.keyboard.press('Control+Shift+z')
  await expect(first).toHaveAccessibleName(/6-bit/)
})

test('a pattern that matches nothing says so', async ({ app }) => {
  await app.ui.quantize.selectByName('*.no_such_proj')
  await expect(app.page.getByRole('alert')).toContainText('No layer has such a name')
})

test('rows and columns are selected by their headers, cells by keyboard', async ({ app }) => {
  const { quantize } = app.ui
  await quantize.grid().getByRole('button', { name: 'Select block 2' }).click()
  await expect(quantize.selectedCells()).toHaveCount(7)
  await quantize.grid().getByRole('button', { name: 'Select column self_attn.q_proj' }).click()
  await expect(quantize.selectedCells()).toHaveCount(8)
  await quantize.cell('model.layers.0.self_attn.q_proj').click()
  await app.page.keyboard.press('ArrowDown')
  await app.page.keyboard.press('Space')
  await expect(quantize.cell('model.layers.1.self_attn.q_proj')).toHaveAttribute('aria-selected', 'true')
  await app.page.keyboard.press('3')
  await expect(quantize.cell('model.layers.1.self_attn.q_proj')).toHaveAccessibleName(/3-bit/)
})

test('choices are saved as a preset and are there after a reload', async ({ app }) => {
  const { quantize } = app.ui
  const layer = 'model.layers.7.mlp.gate_proj'
  await quantize.applyPreset('3-bit')
  await quantize.setLayerBits(layer, 5)
  await app.page.getByRole('button', { name: 'Presets and files' }).click()
  await app.page.getByRole('menuitem', { name: /Save as preset/ }).click()
  await app.page.getByRole('dialog').getByRole('textbox', { name: 'Name', exact: true }).fill('Mine')
  await app.page.getByRole('button', { name: 'Save preset' }).click()
  await expect(quantize.preset()).toContainText('Mine')
  await app.page.reload()
  await quantize.ready()
  await quantize.applyPreset('Mine')
  await expect(quantize.cell(layer)).toHaveAccessibleName(/5-bit/)
})
