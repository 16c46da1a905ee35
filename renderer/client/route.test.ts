import { describe, expect, it } from 'vitest'
import { hrefFor, parseRoute } from './route.ts'

describe('routes', () => {
  it('reads back what it writes', () => {
    const href = hrefFor('quantize', { model: 'a b/ü&c', job: undefined })
    expect(parseRoute(href)).toEqual({ screen: 'quantize', params: { model: 'a b/ü&c' } })
  })

  it('takes anything unknown for the models screen', () => {
    for (const hash of ['', '#', '#/', '#/nowhere', '#/__proto__']) expect(parseRoute(hash).screen).toBe('models')
  })
})
