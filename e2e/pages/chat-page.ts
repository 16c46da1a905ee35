import { expect, type Locator, type Page } from '@playwright/test'

export class ChatPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  composer(): Locator {
    return this.page.getByRole('form', { name: 'Write a message' }).getByRole('textbox', { name: 'Message' })
  }

  messages(): Locator {
    return this.page.getByRole('log', { name: 'Messages' }).getByRole('article')
  }

  questions(): Locator {
    return this.page.getByRole('article', { name: 'You' })
  }

  /** Finished answers only. */
  answers(): Locator {
    return this.page.locator('article[aria-label="Answer"]:not([aria-busy])')
  }

  writing(): Locator {
    return this.page.locator('article[aria-busy="true"]')
  }

  stopButton(): Locator {
    return this.page.getByRole('button', { name: 'Stop' })
  }

  settings(): Locator {
    return this.page.getByRole('complementary', { name: 'Chat settings' })
  }

  list(): Locator {
    return this.page.getByRole('list', { name: 'Chats' })
  }

  /** What goes with the next question. */
  pictures(): Locator {
    return this.page.getByRole('list', { name: 'Pictures to ask about' })
  }

  async addPictures(files: string[] | { name: string; mimeType: string; buffer: Buffer }[]): Promise<void> {
    await this.page.getByRole('form', { name: 'Write a message' }).getByLabel('Picture files').setInputFiles(files)
  }

  async pickModel(name: string): Promise<void> {
    await this.page.getByRole('combobox', { name: 'Model' }).click()
    await this.page.getByRole('option', { name, exact: true }).click()
    await expect(this.page.getByRole('combobox', { name: 'Model' })).toContainText(name)
  }

  /** Sets a sampling field and leaves it, which is when it counts. */
  async setNumber(label: string, value: number): Promise<void> {
    const field = this.settings().getByRole('spinbutton', { name: label, exact: true })
    await field.fill(String(value))
    await field.press('Enter')
    await expect(field).toHaveValue(String(value))
  }

  /** Greedy and short: the same answer on every run. */
  async makeRepeatable(maxNewTokens: number): Promise<void> {
    await this.setNumber('Temperature', 0)
    await this.setNumber('Max new tokens', maxNewTokens)
  }

  async ask(text: string): Promise<void> {
    await this.composer().fill(text)
    await this.composer().press('Enter')
  }

  /** Asks and waits for the whole answer; returns its element. */
  async askAndWait(text: string): Promise<Locator> {
    const before = await this.answers().count()
    await this.ask(text)
    await expect(this.answers()).toHaveCount(before + 1, { timeout: 60_000 })
    return this.answers().nth(before)
  }
}
