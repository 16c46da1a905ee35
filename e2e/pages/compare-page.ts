import { expect, type Locator, type Page } from '@playwright/test'

export class ComparePage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  row(version: string): Locator {
    return this.page.getByRole('row').filter({ hasText: version })
  }

  /** Measures the original under the protocol that is shown, and waits for its row to have the number. */
  async measureOriginal(): Promise<void> {
    const button = this.page.getByRole('button', { name: 'Measure the original' })
    await button.click()
    await this.page.getByRole('dialog').getByRole('button', { name: 'Measure 1 version' }).click()
    await expect(button).toBeHidden({ timeout: 240_000 })
    // Speed is measured after perplexity.
    await expect(this.page.getByText('not measured', { exact: true })).toHaveCount(0, { timeout: 240_000 })
  }
}
