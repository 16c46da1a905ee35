import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { DEMO_MODEL } from './testing.ts'
import { createTokenizerCore } from './tokenizer-core.ts'
import { createInlineTransport, createTokenizers, type Tokenizers } from './tokenizers.ts'
import { createWorkerTransport } from './worker-transport.ts'

const inline = createTokenizers(createInlineTransport(createTokenizerCore(() => new Date())))
let threaded: Tokenizers | undefined
const start = () => {
  threaded = createTokenizers(createWorkerTransport(new URL('./worker.ts', import.meta.url)))
  return threaded
}
afterEach(() => threaded?.dispose())

describe('the tokenizer thread', () => {
  it('answers as the core does, streams included', async () => {
    const tokenizers = start()
    const options = { addSpecialTokens: true }
    const ids = await tokenizers.encode(DEMO_MODEL, 'Once upon a time 🙂', options)
    expect(ids).toEqual(await inline.encode(DEMO_MODEL, 'Once upon a time 🙂', options))
    const stream = tokenizers.openStream(DEMO_MODEL)
    const pieces = await Promise.all(ids.map((id) => stream.push([id])))
    expect(pieces.join('') + (await stream.end())).toBe(await inline.decode(DEMO_MODEL, ids))
  })

  it('hands errors over with their code', async () => {
    await expect(start().encode('/nowhere', 'x', { addSpecialTokens: true })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it('leaves the event loop free during a megabyte of text, and can be cancelled in the middle', async () => {
    const tokenizers = start()
    const text = readFileSync(join(DEMO_MODEL, 'eval.txt'), 'utf8').repeat(4).slice(0, 1_000_000)
    const abort = new AbortController()
    let ticks = 0
    const timer = setInterval(() => {
      if (++ticks === 3) abort.abort()
    }, 1)
    const encoding = tokenizers.encode(DEMO_MODEL, text, { addSpecialTokens: true, signal: abort.signal })
    await expect(encoding).rejects.toMatchObject({ code: 'cancelled' })
    clearInterval(timer)
    expect(await tokenizers.decode(DEMO_MODEL, [54, 483])).not.toBe('')
  })
})
