/** What axe finds on a page, a line each. */
import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'

export const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

export async function violations(page: Page, tags: readonly string[] = [...WCAG, 'best-practice']): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).withTags([...tags]).analyze()
  return found.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.html.slice(0, 200)}`))
}
