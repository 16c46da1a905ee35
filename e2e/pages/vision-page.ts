import { expect, type Locator, type Page } from '@playwright/test'

export class VisionPage {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  /** Puts the demo models that see into the library, from the screen that misses them. */
  async addDemos(): Promise<void> {
    await this.page.getByRole('button', { name: 'Add the demo models' }).click()
    await expect(this.model()).toContainText('Demo CLIP')
  }

  model(): Locator {
    return this.page.getByRole('combobox', { name: 'Model' })
  }

  version(name: string): Locator {
    return this.page.getByRole('group', { name: 'Versions' }).getByRole('checkbox', { name, exact: true })
  }

  async show(view: 'Pictures' | 'Accuracy' | 'Search'): Promise<void> {
    await this.page.getByRole('tab', { name: view }).click()
  }

  list(): Locator {
    return this.page.getByRole('list', { name: 'Pictures to look at' })
  }

  /** Drops files as a person drags them from a folder. */
  async drop(files: readonly { name: string; type: string; bytes: Buffer }[]): Promise<void> {
    const area = this.page.getByRole('region', { name: 'Pictures' })
    await expect(area).toBeVisible()
    const given = files.map(({ name, type, bytes }) => ({ name, type, base64: bytes.toString('base64') }))
    const transfer = await this.page.evaluateHandle((all) => {
      const data = new DataTransfer()
      for (const { name, type, base64 } of all) {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        data.items.add(new File([bytes], name, { type }))
      }
      return data
    }, given)
    await area.dispatchEvent('dragover', { dataTransfer: transfer })
    await area.dispatchEvent('drop', { dataTransfer: transfer })
  }

  async setLabels(labels: readonly string[]): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Labels' }).fill(labels.join('\n'))
  }

  /** Presses Classify and waits for its end. */
  async classify(): Promise<void> {
    await this.run('Classify')
  }

  async measure(): Promise<void> {
    await this.run('Measure accuracy')
  }

  private async run(name: string): Promise<void> {
    const button = this.page.getByRole('button', { name, exact: true })
    await expect(button).toBeEnabled()
    await button.click()
    // Either it is still at work, or it was too quick to be seen: in both cases the button comes back.
    await expect(button).toBeVisible({ timeout: 120_000 })
  }

  /** The row of a label in the bars. */
  score(label: string): Locator {
    return this.page.getByRole('table', { name: 'Scores' }).getByRole('row', { name: new RegExp(`^${label} `) })
  }

  async chooseFolder(path: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Choose a folder' }).click()
    const dialog = this.page.getByRole('dialog', { name: 'Choose a folder of pictures' })
    const field = dialog.getByRole('textbox', { name: 'Path' })
    // The first listing fills the field; typing before it would be overwritten.
    await expect(field).not.toHaveValue('')
    await field.fill(path)
    await field.press('Enter')
    await expect(dialog.getByText(path, { exact: true })).toBeVisible()
    await dialog.getByRole('button', { name: 'Choose', exact: true }).click()
    await expect(dialog).toBeHidden()
  }

  accuracy(): Locator {
    return this.page.getByRole('table', { name: 'Accuracy' })
  }

  answers(): Locator {
    return this.page.getByRole('table', { name: 'Answers picture by picture' })
  }
}
