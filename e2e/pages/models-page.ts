import { expect, type Locator, type Page } from '@playwright/test'

export class ModelsPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  library(): Locator {
    return this.page.getByRole('region', { name: 'Library' })
  }

  model(name: string): Locator {
    return this.library().getByRole('link').filter({ hasText: name })
  }

  /** Adds a folder by the browser host's own picker. */
  async addFolder(path: string): Promise<void> {
    await this.library().getByRole('button', { name: 'Add a model' }).click()
    const dialog = this.page.getByRole('dialog', { name: 'Add a model' })
    const field = dialog.getByRole('textbox', { name: 'Path' })
    // The first listing fills the field; typing before it would be overwritten.
    await expect(field).not.toHaveValue('')
    await field.fill(path)
    await field.press('Enter')
    await expect(dialog.getByText(path, { exact: true })).toBeVisible()
    await dialog.getByRole('button', { name: 'Add this model' }).click()
    await expect(dialog).toBeHidden()
  }
}
