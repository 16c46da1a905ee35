/** The frame around the screens, and the way to each of them. */
import { expect, type Locator, type Page } from '@playwright/test'
import { ChatPage } from './chat-page.ts'
import { ComparePage } from './compare-page.ts'
import { HubPage } from './hub-page.ts'
import { JobsPage } from './jobs-page.ts'
import { ModelsPage } from './models-page.ts'
import { QuantizePage } from './quantize-page.ts'
import { VisionPage } from './vision-page.ts'

export const SCREENS = ['Models', 'Hub', 'Quantize', 'Compare', 'Chat', 'Vision', 'Jobs', 'Settings'] as const
export type ScreenName = (typeof SCREENS)[number]

export class AppPage {
  readonly chat: ChatPage
  readonly hub: HubPage
  readonly models: ModelsPage
  readonly quantize: QuantizePage
  readonly compare: ComparePage
  readonly jobs: JobsPage
  readonly vision: VisionPage
  readonly page: Page

  constructor(page: Page) {
    this.page = page
    this.chat = new ChatPage(page)
    this.hub = new HubPage(page)
    this.models = new ModelsPage(page)
    this.quantize = new QuantizePage(page)
    this.compare = new ComparePage(page)
    this.jobs = new JobsPage(page)
    this.vision = new VisionPage(page)
  }

  /** The window is there and talks to its host. */
  async ready(): Promise<void> {
    await expect(this.rail()).toBeVisible()
  }

  rail(): Locator {
    return this.page.getByRole('navigation', { name: 'Screens' })
  }

  /** Goes to a screen by the rail, as a person does. */
  async goTo(screen: ScreenName): Promise<void> {
    const link = this.rail().getByRole('link', { name: screen })
    await link.click()
    await expect(link).toHaveAttribute('aria-current', 'page')
  }

  toast(text: string | RegExp): Locator {
    return this.page.locator('[data-sonner-toast]').filter({ hasText: text })
  }
}
