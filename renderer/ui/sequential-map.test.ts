import { expect, it } from 'vitest'
import { sequentialColor, sequentialGradient, sequentialInk } from './sequential-map.ts'

it('runs from light to dark on light, and the other way on dark', () => {
  expect(sequentialColor(0, 'light')).toBe('rgb(253 231 37)')
  expect(sequentialColor(1, 'light')).toBe('rgb(68 1 84)')
  expect(sequentialColor(0, 'dark')).toBe(sequentialColor(1, 'light'))
  expect(sequentialColor(2, 'light')).toBe(sequentialColor(1, 'light'))
  expect(sequentialColor(Number.NaN, 'light')).toBe(sequentialColor(0, 'light'))
  expect(sequentialGradient('light')).toContain('rgb(253 231 37)')
})

it('keeps text on it at a contrast of at least 4.5', () => {
  const channel = (value: number) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4
  const luminance = (rgb: number[]) =>
    0.2126 * channel(rgb[0] ?? 0) + 0.7152 * channel(rgb[1] ?? 0) + 0.0722 * channel(rgb[2] ?? 0)
  for (let step = 0; step <= 200; step += 1) {
    const background = luminance((sequentialColor(step / 200, 'light').match(/\d+/g) ?? []).map(Number))
    const ink = sequentialInk(step / 200, 'light') === '#fff' ? 1 : 0
    const contrast = (Math.max(background, ink) + 0.05) / (Math.min(background, ink) + 0.05)
    expect(contrast).toBeGreaterThanOrEqual(4.5)
  }
})
