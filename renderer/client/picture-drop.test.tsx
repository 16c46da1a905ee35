import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { PictureDrop } from './picture-drop.tsx'

afterEach(cleanup)

it('takes files that are dropped or pasted, and leaves text alone', () => {
  const onFiles = vi.fn()
  render(
    <PictureDrop label="Area" onFiles={onFiles}>
      <input aria-label="Field" />
    </PictureDrop>,
  )
  const files = [new File(['x'], 'cat.png', { type: 'image/png' })]
  const field = screen.getByRole('textbox', { name: 'Field' })
  // False where the default is prevented.
  expect(fireEvent.paste(field, { clipboardData: { files: [] } })).toBe(true)
  expect(onFiles).not.toHaveBeenCalled()
  expect(fireEvent.paste(field, { clipboardData: { files } })).toBe(false)
  expect(onFiles).toHaveBeenLastCalledWith(files)

  const area = screen.getByRole('region', { name: 'Area' })
  fireEvent.dragOver(area, { dataTransfer: { types: ['text/plain'] } })
  expect(screen.queryByText('Drop the pictures here')).toBeNull()
  fireEvent.dragOver(area, { dataTransfer: { types: ['Files'] } })
  expect(screen.getByText('Drop the pictures here')).toBeTruthy()
  fireEvent.drop(area, { dataTransfer: { types: ['Files'], files } })
  expect(onFiles).toHaveBeenCalledTimes(2)
  expect(screen.queryByText('Drop the pictures here')).toBeNull()
})
