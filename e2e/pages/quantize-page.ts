import { expect, type Locator, type Page } from '@playwright/test'

export class QuantizePage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** The grid in which bits are chosen. */
  grid(): Locator {
    return this.page.getByRole('grid', { name: 'Bits per layer' })
  }

  /** The grid of a job, with the error of each finished layer. */
  errorGrid(): Locator {
    return this.page.getByRole('grid', { name: 'Error per layer' })
  }

  cell(layer: string): Locator {
    return this.grid().locator(`[role="gridcell"][aria-label^="${layer}:"]`)
  }

  /** A model is chosen and its layers are there. */
  async ready(): Promise<void> {
    await expect(this.grid()).toBeVisible()
  }

  async pickModel(name: string): Promise<void> {
    await this.page.getByRole('combobox', { name: 'Model' }).click()
    await this.page.getByRole('option', { name, exact: true }).click()
    await this.ready()
  }

  preset(): Locator {
    return this.page.getByRole('combobox', { name: 'Preset' })
  }

  async applyPreset(name: string): Promise<void> {
    await this.preset().click()
    await this.page.getByRole('option', { name, exact: true }).click()
    await expect(this.preset()).toContainText(name)
  }

  /** Sets the bits of whatever is selected. */
  async setBits(bits: number | 'keep'): Promise<void> {
    await this.page
      .getByRole('radiogroup', { name: 'Bits' })
      .getByRole('radio', { name: bits === 'keep' ? /keep/i : String(bits), exact: bits !== 'keep' })
      .click()
  }

  async setLayerBits(layer: string, bits: number | 'keep'): Promise<void> {
    await this.cell(layer).click()
    await this.setBits(bits)
    await expect(this.cell(layer)).toHaveAccessibleName(bits === 'keep' ? /kept/i : new RegExp(`${bits}-bit`))
  }

  async selectByName(pattern: string): Promise<void> {
    const field = this.page.getByRole('textbox', { name: 'Select by name' })
    await field.fill(pattern)
    await field.press('Enter')
  }

  selectedCells(): Locator {
    return this.grid().locator('[role="gridcell"][aria-selected="true"]')
  }

  estimate(): Locator {
    return this.page.getByRole('complementary', { name: 'Estimate' })
  }

  /** Opens the resolved table. */
  async review(): Promise<Locator> {
    await this.estimate().getByRole('button', { name: 'Quantize' }).click()
    const dialog = this.page.getByRole('dialog', { name: /What every tensor/ })
    await expect(dialog).toBeVisible()
    return dialog
  }

  /** From the plan to a started job. */
  async start(options: { name?: string; measure?: boolean } = {}): Promise<void> {
    const dialog = await this.review()
    if (options.name !== undefined)
      await dialog.getByRole('textbox', { name: 'Name of the new model' }).fill(options.name)
    if (options.measure === false) await dialog.getByRole('checkbox', { name: 'Measure afterwards' }).uncheck()
    await dialog.getByRole('button', { name: 'Start quantizing' }).click()
    await expect(this.errorGrid()).toBeVisible()
  }

  job(): Locator {
    return this.page.getByRole('complementary', { name: 'Job' })
  }

  stop(): Locator {
    return this.job().getByRole('button', { name: /^Stop/ })
  }

  resume(): Locator {
    return this.job().getByRole('button', { name: 'Resume' })
  }

  /** The state of the job, in the word the screen uses for it. */
  async expectState(word: 'Done' | 'Failed' | 'Stopped' | 'Interrupted', timeout = 170_000): Promise<void> {
    await expect(this.page.getByRole('main').getByText(word, { exact: true }).first()).toBeVisible({ timeout })
  }
}
