import { expect, it } from 'vitest'
import { AppError } from '../../../electron/contract/errors.ts'
import type { StoredImage } from '../../../electron/contract/vision.ts'
import { createFakeConnection } from '../../testing/fake-connection.ts'
import { settled } from './attaching.ts'
import { createLiveAnswer } from './live-answer.ts'
import { createChatStore } from './store.ts'

const file = (name: string) => new File(['x'], name, { type: 'image/png' })
const stored = (name: string): StoredImage => ({ id: 'a'.repeat(64), name, width: 8, height: 8, bytes: 1 })

function setUp() {
  const fake = createFakeConnection({
    calls: {
      'images.add': ({ source }) => {
        const name = source.kind === 'data' ? source.name : source.path
        if (name === 'bad.png') throw new AppError('bad-file', 'bad.png is damaged.')
        return stored(name)
      },
      'chats.save': (conversation) => ({ ...conversation, sampling: conversation.sampling as never }),
    },
  })
  let ids = 0
  const store = createChatStore({
    client: fake.connection.client,
    live: createLiveAnswer({ schedule: () => () => {}, now: () => 0 }),
    newId: () => `id-${++ids}`,
    now: () => '2026-01-01T00:00:00.000Z',
  })
  store.begin('eyes')
  const id = store.state.getState().openId ?? ''
  const attached = () => store.state.getState().attached[id] ?? []
  const messages = () => store.state.getState().conversations[id]?.messages ?? []
  return { store, id, attached, messages }
}

it('shows pictures with the question, and keeps them with it when it is edited', async () => {
  const { store, id, attached, messages } = setUp()
  await store.attach(id, [file('one.png'), file('two.png')])
  expect(settled(attached())).toBe(true)
  store.setDraft(id, 'What are these?')
  store.send()
  expect(messages()).toMatchObject([
    { role: 'user', content: 'What are these?', images: [{ name: 'one.png' }, { name: 'two.png' }] },
  ])
  expect(attached()).toEqual([])
  store.stop()
})

it('waits with a question for a picture that cannot be read', async () => {
  const { store, id, attached, messages } = setUp()
  await store.attach(id, [file('bad.png')])
  expect(attached()).toMatchObject([{ name: 'bad.png', image: null, error: { message: 'bad.png is damaged.' } }])
  store.setDraft(id, 'What is it?')
  store.send()
  expect(messages()).toEqual([])
  store.detach(id, attached()[0]?.key ?? '')
  store.send()
  expect(messages()).toMatchObject([{ content: 'What is it?' }])
  expect(messages()[0]).not.toHaveProperty('images')
  store.stop()
})
