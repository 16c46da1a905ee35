import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { AppContract, ChatEvent } from '../contract/app.ts'
import type { ChatMessage } from '../contract/domain.ts'
import type { InputOf } from '../contract/method.ts'
import { closeWorlds, createWorld, makeTinyModel, type World } from './testing/world.ts'

vi.setConfig({ testTimeout: 30_000 })
afterEach(closeWorlds)

type Sampling = InputOf<AppContract['chat.generate']>['sampling']

const HELLO: ChatMessage[] = [{ id: '1', role: 'user', content: 'Hello' }]

/** Token ids of the demo tokenizer for a text, as the pretended answer of the engine. */
async function scriptOf(text: string): Promise<number[]> {
  const world = await createWorld()
  const { path } = await world.app.services.models.find('demo')
  const ids = await world.app.services.tokenizers.encode(path, text, { addSpecialTokens: false })
  await world.close()
  return ids
}

interface Asking {
  modelId?: string
  messages?: ChatMessage[]
  signal?: AbortSignal
  onText?: () => void
}

async function ask(
  world: World,
  sampling: Sampling = {},
  { modelId = 'demo', messages = HELLO, signal, onText }: Asking = {},
) {
  const events: ChatEvent[] = []
  const result = await world.client.stream(
    'chat.generate',
    { modelId, messages, sampling: { temperature: 0, ...sampling } },
    {
      signal,
      onEvent(event) {
        events.push(event)
        if (event.type === 'text') onText?.()
      },
    },
  )
  const text = events.map((event) => (event.type === 'text' ? event.delta : '')).join('')
  return { events, result, text }
}

describe('an answer', () => {
  it('is streamed, ends at the end token, and is told with its numbers', async () => {
    const world = await createWorld({ script: [...(await scriptOf('A naïve café 🙂.')), 6] })
    const { events, result, text } = await ask(world)
    expect(text).toBe('A naïve café 🙂.')
    expect(result).toMatchObject({ text, finishReason: 'eos' })
    expect(result.newIds.at(-1)).toBe(6)
    expect(result.memory.weights).toBeGreaterThan(0)
    expect(events.map((event) => event.type).slice(0, 3)).toEqual(['loading', 'prompt', 'prefill'])
    expect(events.every((event) => event.type !== 'text' || !event.delta.includes('�'))).toBe(true)
  })

  it('shows the prompt that the model sees, and uses what is in the cache of the turn before', async () => {
    const world = await createWorld({ script: [6] })
    const rendered = await world.client.call('chat.render', { modelId: 'demo', messages: HELLO })
    expect(rendered.text).toBe('<|bos|><|user|>\nHello<|end|>\n<|assistant|>\n')
    const first = await ask(world)
    expect(first.events).toContainEqual({
      type: 'prompt',
      text: rendered.text,
      tokens: rendered.ids.length,
      reusedTokens: 0,
    })
    const again = await ask(world)
    expect(again.events.map((event) => event.type)).not.toContain('loading')
    expect(again.result.reusedTokens).toBe(rendered.ids.length - 1)
  })

  it('ends before a stop string, no part of which is shown', async () => {
    const world = await createWorld({ script: await scriptOf('One. Two. STOP here. Three.') })
    const { result, text } = await ask(world, { stopStrings: ['STOP'], maxNewTokens: 200 })
    expect(result.finishReason).toBe('stop-string')
    expect(text).toBe('One. Two. ')
    expect(result.text).toBe(text)
  })

  it('that is stopped keeps what was written', async () => {
    const world = await createWorld({ stepMs: 5, script: await scriptOf('word ') })
    const stop = new AbortController()
    const { result } = await ask(world, { maxNewTokens: 500 }, { signal: stop.signal, onText: () => stop.abort() })
    expect(result.finishReason).toBe('cancelled')
    expect(result.text).not.toBe('')
  })

  it('has a seed that brings it back', async () => {
    const world = await createWorld({ script: await scriptOf('one two three four five six') })
    const { result } = await ask(world, { temperature: 1, maxNewTokens: 5 })
    const again = await ask(world, { temperature: 1, maxNewTokens: 5, seed: result.seed })
    expect(again.result.newIds).toEqual(result.newIds)
  })

  it('ends when the context is full', async () => {
    const world = await createWorld({ script: [50] })
    await world.client.call('settings.set', { contextLength: 16 })
    const { result } = await ask(world, { maxNewTokens: 500 })
    expect(result.finishReason).toBe('context-full')
  })

  it('continues plain text without a template', async () => {
    const world = await createWorld({ script: await scriptOf(' upon a time') })
    const result = await world.client.stream(
      'text.generate',
      { modelId: 'demo', prompt: 'Once', sampling: { temperature: 0, maxNewTokens: 3 } },
      { onEvent() {} },
    )
    expect(result.text).toBe(' upon a time')
  })
})

describe('what stands against an answer is said', () => {
  it('a prompt longer than the context', async () => {
    const world = await createWorld()
    const messages = [{ ...HELLO[0], id: '1', role: 'user' as const, content: 'word '.repeat(2000) }]
    await expect(ask(world, {}, { messages })).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('1024'),
    })
  })

  it('another answer that is under way', async () => {
    const world = await createWorld({ stepMs: 20 })
    const stop = new AbortController()
    const talking = Promise.withResolvers<void>()
    const first = ask(world, { maxNewTokens: 1000 }, { signal: stop.signal, onText: talking.resolve })
    await talking.promise
    const message = expect.stringContaining('Demo model')
    await expect(ask(world)).rejects.toMatchObject({ code: 'busy', message })
    stop.abort()
    await first
  })

  it('a missing tokenizer, and a model that cannot run', async () => {
    const world = await createWorld()
    const mute = makeTinyModel(join(world.root, 'mute'))
    writeFileSync(join(mute, 'tokenizer.json'), '{')
    const { id } = await world.client.call('models.add', { path: mute })
    await expect(ask(world, {}, { modelId: id })).rejects.toMatchObject({ code: 'bad-file' })
    const other = makeTinyModel(join(world.root, 'other'), { architectures: ['RwkvForCausalLM'] })
    const added = await world.client.call('models.add', { path: other })
    await expect(ask(world, {}, { modelId: added.id })).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('an engine that died under it, and the next answer works', async () => {
    const world = await createWorld({ stepMs: 10 })
    const answer = ask(world, { maxNewTokens: 1000 }, { onText: world.starter.crash })
    await expect(answer).rejects.toMatchObject({ code: 'engine-lost' })
    expect((await ask(world, { maxNewTokens: 2 })).result.finishReason).toBe('length')
  })
})

describe('conversations', () => {
  it('are kept, newest first, and go one by one', async () => {
    const world = await createWorld()
    const conversation = (id: string, updatedAt: string) => ({
      id,
      title: id,
      modelId: 'demo',
      messages: HELLO,
      sampling: { temperature: 1 },
      createdAt: updatedAt,
      updatedAt,
    })
    await world.client.call('chats.save', conversation('a', '2026-01-01'))
    await world.client.call('chats.save', conversation('b', '2026-01-02'))
    expect((await world.client.call('chats.list', {})).chats.map((chat) => chat.id)).toEqual(['b', 'a'])
    expect(await world.client.call('chats.get', { id: 'a' })).toMatchObject({ messages: HELLO })
    writeFileSync(join(world.dataDir, 'chats', 'a.json'), '{"half": ')
    expect((await world.client.call('chats.list', {})).chats.map((chat) => chat.id)).toEqual(['b'])
    await world.client.call('chats.remove', { id: 'b' })
    await expect(world.client.call('chats.get', { id: 'b' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(world.client.call('chats.get', { id: '../settings' })).rejects.toMatchObject({ code: 'bad-input' })
  })
})
