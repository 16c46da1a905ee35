import type { Locator, Page } from '@playwright/test'

export class JobsPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  list(): Locator {
    return this.page.getByRole('main').getByRole('listitem')
  }

  job(title: string | RegExp): Locator {
    return this.list().filter({ hasText: title })
  }
}
