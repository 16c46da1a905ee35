import { describe, expect, it } from 'vitest'
import {
  formatAgo,
  formatCount,
  formatDisk,
  formatDuration,
  formatMemory,
  formatParameters,
  formatPercent,
  formatShape,
  significant,
} from './format.ts'

const plain = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ')

describe('significant', () => {
  it.each([
    [0, 3, '0'],
    [1, 3, '1.00'],
    [12.345, 3, '12.3'],
    [123.45, 3, '123'],
    [1234.5, 3, '1235'],
    [0.012345, 3, '0.0123'],
    [9.996, 3, '10.0'],
    [0.9999, 3, '1.00'],
    [-2.5, 2, '-2.5'],
    [Number.NaN, 3, '–'],
  ])('%f with %i digits is %s', (value, digits, text) => expect(significant(value, digits)).toBe(text))
})

describe('units', () => {
  it('counts memory in binary and disk in decimal units', () => {
    expect(plain(formatMemory(1024 ** 3 * 1.5))).toBe('1.50 GiB')
    expect(plain(formatMemory(1023))).toBe('1023 B')
    expect(plain(formatMemory(1024 ** 2 * 1023.9))).toBe('1.00 GiB')
    expect(plain(formatDisk(28_400_000))).toBe('28.4 MB')
    expect(plain(formatDisk(999))).toBe('999 B')
  })

  it('formats parameters, counts, shares and shapes', () => {
    expect(plain(formatParameters(134_500_000))).toBe('135 M')
    expect(plain(formatCount(1_234_567))).toBe('1 234 567')
    expect(plain(formatPercent(0.123))).toBe('12.3 %')
    expect(formatShape([64, 256])).toBe('64 × 256')
    expect(formatShape([])).toBe('scalar')
  })
})

describe('formatDuration', () => {
  it.each([
    [0.0002, '< 1 ms'],
    [0.34, '340 ms'],
    [4.2, '4.2 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [200, '3 min 20 s'],
    [3599.7, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [-1, '–'],
  ])('%f s is %s', (seconds, text) => expect(plain(formatDuration(seconds))).toBe(text))
})

it('says how long ago', () => {
  const now = Date.parse('2026-01-01T12:00:00Z')
  expect(formatAgo('2026-01-01T11:59:30Z', now)).toBe('just now')
  expect(formatAgo('2026-01-01T11:30:00Z', now)).toBe('30 min ago')
  expect(formatAgo('2026-01-01T07:00:00Z', now)).toBe('5 h ago')
  expect(formatAgo('never', now)).toBe('never')
})
