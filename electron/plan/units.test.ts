import { describe, expect, it } from 'vitest'
import { formatDisk, formatMemory, significant } from './units.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

describe('units', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1.5 * 2 ** 30, '1.50 GiB'],
    [2 ** 40 * 12.34, '12.3 TiB'],
  ])('%f bytes of memory', (bytes, text) => {
    expect(plain(formatMemory(bytes))).toBe(text)
  })

  it('counts files in powers of ten', () => {
    expect(plain(formatDisk(28_311_552))).toBe('28.3 MB')
    expect(plain(formatDisk(999_900))).toBe('1.00 MB')
  })

  it('keeps the digits asked for', () => {
    expect([9.996, 0.000123456, 123.4, 0, 1000].map((value) => significant(value))).toEqual([
      '10.0',
      '0.000123',
      '123',
      '0',
      '1000',
    ])
  })
})
