import { expect, it } from 'vitest'
import { ERROR_CODES } from '../../electron/contract/errors.ts'
import { errorWords } from './error-words.ts'

it('has words for every code, with no exclamation mark', () => {
  for (const code of ERROR_CODES) {
    const { title, nextStep } = errorWords(code)
    expect(title).not.toBe('')
    expect(`${title}${nextStep}`).not.toContain('!')
  }
})
