import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it } from 'vitest'
import { fillInDom } from '../testing/render-screen.tsx'
import { nameInWords, Stat } from './stat.tsx'

afterEach(cleanup)

it('writes field names as words', () => {
  expect(nameInWords('textSha256')).toBe('text SHA-256')
  expect(nameInWords('streamTokens')).toBe('stream tokens')
  expect(nameInWords('specialIds')).toBe('special ids')
  expect(nameInWords('Hidden size')).toBe('Hidden size')
})

it('opens a number to the protocol it was taken by', async () => {
  fillInDom()
  render(<Stat label="Perplexity" value="24.1" kind="measured" protocol={{ window: 512, stride: null }} />)
  expect(screen.getByRole('img', { name: 'measured' })).toBeDefined()
  fireEvent.click(screen.getByRole('button', { name: /24\.1.*How Perplexity was measured/ }))
  expect(await screen.findByText('512')).toBeDefined()
  expect(screen.getByText('none')).toBeDefined()
})
