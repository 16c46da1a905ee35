import { cleanup, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it } from 'vitest'
import { TooltipProvider } from '../../ui/tooltip.tsx'
import { Markdown } from './markdown.tsx'

afterEach(cleanup)

function show(text: string) {
  return render(<Markdown text={text} />, { wrapper: TooltipProvider })
}

describe('Markdown of a model', () => {
  it('renders the usual parts', () => {
    show('# Title\n\n- one\n- two\n\n| a |\n| - |\n| 1 |\n\n```ts\nconst x = 1\n```')
    expect(screen.getByRole('heading', { name: 'Title' })).toBeTruthy()
    expect(screen.getAllByRole('listitem')).toHaveLength(2)
    expect(screen.getByRole('cell', { name: '1' })).toBeTruthy()
    expect(screen.getByText('const x = 1').tagName).toBe('CODE')
  })

  it('runs and loads nothing: HTML stays text, images become links, script addresses are dropped', () => {
    const { container } = show(
      [
        '<script>window.stolen = 1</script>',
        '<img src=x onerror="window.stolen = 1">',
        '![picture](https://example.org/p.png)',
        '[click](javascript:alert(1))',
        '<iframe src="https://example.org"></iframe>',
      ].join('\n\n'),
    )
    expect(container.querySelectorAll('script, img, iframe')).toHaveLength(0)
    expect(screen.getByRole('link', { name: 'picture' }).getAttribute('href')).toBe('https://example.org/p.png')
    expect(container.querySelector('a[href^="javascript"]')).toBeNull()
    for (const link of container.querySelectorAll('a')) expect(link.rel).toContain('noopener')
  })

  it('keeps the elements of finished blocks while text is appended', () => {
    const { container, rerender } = show('First block.\n\nSecond')
    const first = screen.getByText('First block.')
    rerender(<Markdown text={'First block.\n\nSecond block.\n\n```js\nlet a'} />)
    expect(screen.getByText('First block.')).toBe(first)
    expect(container.querySelector('figure code')?.textContent).toBe('let a')
  })
})
