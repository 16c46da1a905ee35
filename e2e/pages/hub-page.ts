import { expect, type Locator, type Page } from '@playwright/test'

export class HubPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  search(): Locator {
    return this.page.getByRole('searchbox', { name: 'Search the Hub' })
  }

  result(name: string): Locator {
    return this.page.getByRole('region', { name: 'Results' }).getByRole('link', { name, exact: true })
  }

  estimates(): Locator {
    return this.page.getByRole('table', { name: 'Estimates' })
  }

  async open(name: string): Promise<void> {
    await this.result(name).click()
    await expect(this.estimates()).toBeVisible()
  }

  async download(): Promise<void> {
    await this.page.getByRole('button', { name: /^Download / }).click()
  }

  async quantizeWhileDownloading(preset: string): Promise<void> {
    await this.estimates().getByRole('radio', { name: preset, exact: true }).check()
    await this.page.getByRole('button', { name: 'Quantize while downloading' }).click()
    await this.page.getByRole('dialog').getByRole('button', { name: 'Start' }).click()
  }

  async signIn(token: string): Promise<void> {
    await this.page.getByLabel('Access token').fill(token)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await expect(this.page.getByText('Signed in as')).toBeVisible()
  }
}
