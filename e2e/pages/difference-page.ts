/** The views of Compare that show what versions say differently. */
import { expect, type Locator, type Page } from '@playwright/test'

export class DifferencePage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async open(view: 'Side by side' | 'On a text' | 'Blind vote'): Promise<void> {
    await this.page.getByRole('tab', { name: view }).click()
  }

  async ask(prompt: string, button: 'Compare answers' | 'Ask both'): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Prompt' }).fill(prompt)
    await this.page.getByRole('button', { name: button }).click()
  }

  answer(version: string): Locator {
    return this.page.getByRole('article', { name: `Answer of ${version}` })
  }

  /** The answer as it can be walked through. */
  tokens(version: string): Locator {
    return this.page.getByRole('group', { name: `Answer of ${version}, token by token` })
  }

  side(side: 'Left' | 'Right'): Locator {
    return this.page.getByRole('article', { name: side, exact: true })
  }

  async vote(words: 'Left is better' | 'No difference' | 'Right is better'): Promise<void> {
    const button = this.page.getByRole('button', { name: words })
    await expect(button).toBeEnabled({ timeout: 60_000 })
    await button.click()
    await expect(button).toBeDisabled()
  }

  /** Saves a report and returns its text and name. */
  async report(format: 'HTML' | 'Markdown' | 'JSON'): Promise<{ name: string; path: string }> {
    await this.page.getByRole('button', { name: 'Report' }).click()
    const dialog = this.page.getByRole('dialog', { name: 'Save a report' })
    await dialog.getByRole('radio', { name: format }).click()
    const download = this.page.waitForEvent('download', { timeout: 170_000 })
    await dialog.getByRole('button', { name: 'Save report' }).click()
    const file = await download
    await expect(dialog).toBeHidden()
    return { name: file.suggestedFilename(), path: await file.path() }
  }
}
