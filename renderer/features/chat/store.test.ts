import { beforeEach, describe, expect, it, vi } from 'vitest'
import { samplingSchema } from '../../../electron/contract/domain.ts'
import { AppError } from '../../../electron/contract/errors.ts'
import { createFakeChatClient, type FakeGeneration, settle } from './fake-client.ts'
import { createLiveAnswer } from './live-answer.ts'
import { createChatStore } from './store.ts'

const sampling = samplingSchema.parse({})

function setUp() {
  const fake = createFakeChatClient()
  let ids = 0
  let seconds = 0
  const live = createLiveAnswer({ schedule: () => () => {}, now: () => 0 })
  const store = createChatStore({
    client: fake.client,
    live,
    newId: () => `id-${++ids}`,
    now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds++)).toISOString(),
  })
  return { fake, store }
}

let { fake, store } = setUp()
beforeEach(() => {
  ;({ fake, store } = setUp())
})

function generation(index: number): FakeGeneration {
  const found = fake.generations[index]
  if (found === undefined) throw new Error(`no generation ${index}`)
  return found
}

function current() {
  const { openId, conversations } = store.state.getState()
  const conversation = openId === null ? undefined : conversations[openId]
  if (conversation === undefined) throw new Error('no conversation is open')
  return conversation
}

function contents(): string[] {
  return current().messages.map((message) => message.content)
}

function send(text: string): void {
  store.setDraft(current().id, text)
  store.send()
}

async function asked(text: string, answer = 'Paris.'): Promise<void> {
  store.begin('demo')
  send(text)
  await generation(0).finish({ text: answer })
}

describe('asking', () => {
  it('keeps the question at once and the answer with its figures', async () => {
    store.begin('demo')
    send('Capital of France?')
    await settle()
    expect([...fake.saved.values()][0]?.messages).toHaveLength(1)
    generation(0).emit({ type: 'text', delta: 'Par', newTokens: 1 })
    await generation(0).finish({ text: 'Paris.' })
    expect(contents()).toEqual(['Capital of France?', 'Paris.'])
    expect(current().messages[1]?.stats).toMatchObject({ newTokens: 2, finishReason: 'eos', memoryBytes: 120, seed: 7 })
    expect([...fake.saved.values()][0]).toEqual(current())
    expect(store.state.getState().run).toBeNull()
  })

  it('names the conversation after its first question and lists it first', async () => {
    await asked('Capital of France?\nPlease.')
    expect(store.state.getState().chats[0]?.title).toBe('Capital of France?')
  })

  it('does not keep a conversation in which nobody has spoken', () => {
    store.begin('demo')
    store.setSystemPrompt(current().id, 'Be brief.')
    expect(store.state.getState().chats).toEqual([])
    expect(fake.saved.size).toBe(0)
  })

  it('sends the system prompt first and asks only once at a time', async () => {
    store.begin('demo')
    store.setSystemPrompt(current().id, 'Be brief.')
    send('One?')
    send('Two?')
    expect(fake.generations).toHaveLength(1)
    expect(generation(0).input.messages.map((message) => message.role)).toEqual(['system', 'user'])
  })

  it('gives the answer to its own conversation when the reader has opened another', async () => {
    store.begin('demo')
    send('First?')
    const first = current().id
    store.begin('demo')
    await generation(0).finish({ text: 'Answer.' })
    expect(store.state.getState().conversations[first]?.messages).toHaveLength(2)
    expect(current().messages).toEqual([])
  })
})

describe('sampling', () => {
  it('comes from the model and follows it as long as nobody changes it', async () => {
    fake.generation.set('demo', { temperature: 0.3 })
    fake.generation.set('greedy', { do_sample: false })
    store.begin('demo')
    await settle()
    expect(current().sampling.temperature).toBe(0.3)
    store.setModel(current().id, 'greedy')
    await settle()
    expect(current().sampling.temperature).toBe(0)
    store.setSampling(current().id, { ...current().sampling, temperature: 1.5 })
    store.setModel(current().id, 'demo')
    await settle()
    expect(current().sampling.temperature).toBe(1.5)
  })

  it('keeps our defaults when the model cannot be read', async () => {
    store.begin('unknown')
    await settle()
    expect(current().sampling).toEqual(sampling)
  })
})

describe('stopping and failing', () => {
  it('keeps what was written when stopped', async () => {
    store.begin('demo')
    send('Long?')
    store.stop()
    expect(store.state.getState().run?.stopping).toBe(true)
    expect(generation(0).signal?.aborted).toBe(true)
    await generation(0).finish({ text: 'Half of', finishReason: 'cancelled' })
    expect(current().messages[1]).toMatchObject({ content: 'Half of', stats: { finishReason: 'cancelled' } })
    expect(store.state.getState().failure).toBeNull()
  })

  it('does not call a cancelled request a failure', async () => {
    store.begin('demo')
    send('Long?')
    store.stop()
    await generation(0).fail(new AppError('cancelled', 'cancelled'))
    expect(store.state.getState().failure).toBeNull()
    expect(contents()).toEqual(['Long?'])
  })

  it('keeps the text that came before a failure, says why, and retries without it', async () => {
    store.begin('demo')
    send('Q?')
    generation(0).emit({ type: 'text', delta: 'Half', newTokens: 1 })
    await generation(0).fail(new AppError('engine-lost', 'The engine stopped.'))
    expect(contents()).toEqual(['Q?', 'Half'])
    expect(store.state.getState().failure?.error.code).toBe('engine-lost')
    store.askAgain()
    expect(store.state.getState().failure).toBeNull()
    await generation(1).finish({ text: 'Whole.' })
    expect(contents()).toEqual(['Q?', 'Whole.'])
  })
})

describe('branching', () => {
  it('replaces a question and what followed, and undo puts it back', async () => {
    await asked('Capital of France?')
    const question = current().messages[0]?.id ?? ''
    const undo = store.edit(question, 'Capital of Spain?')
    expect(contents()).toEqual(['Capital of Spain?'])
    await generation(1).finish({ text: 'Madrid.' })
    expect(contents()).toEqual(['Capital of Spain?', 'Madrid.'])
    undo?.()
    await settle()
    expect(contents()).toEqual(['Capital of France?', 'Paris.'])
    expect(fake.saved.get(current().id)?.messages.map((message) => message.content)).toEqual(contents())
  })

  it('undo while the new answer is written stops it and drops its text', async () => {
    await asked('Capital of France?')
    const undo = store.askAgain()
    undo?.()
    expect(generation(1).signal?.aborted).toBe(true)
    await generation(1).finish({ text: 'Late.' })
    expect(contents()).toEqual(['Capital of France?', 'Paris.'])
  })

  it('offers no undo when an unanswered question is asked again', async () => {
    store.begin('demo')
    send('Q?')
    await generation(0).fail(new AppError('out-of-memory', 'Too big.'))
    expect(store.askAgain()).toBeNull()
    expect(fake.generations).toHaveLength(2)
  })
})

describe('keeping', () => {
  it('lists kept conversations newest first and opens one', async () => {
    await asked('Old?')
    const old = current()
    fake.saved.set('newer', { ...old, id: 'newer', updatedAt: '2027-01-01T00:00:00.000Z' })
    await store.load()
    expect(store.state.getState().chats.map((chat) => chat.id)).toEqual(['newer', old.id])
    await store.open('newer')
    expect(current().id).toBe('newer')
  })

  it('says when a conversation is gone', async () => {
    await store.open('missing')
    expect(store.state.getState().opening?.error?.code).toBe('not-found')
  })

  it('deletes with undo', async () => {
    await asked('Q?')
    const { id } = current()
    const undo = await store.remove(id)
    expect(store.state.getState()).toMatchObject({ chats: [], openId: null })
    expect(fake.saved.has(id)).toBe(false)
    undo?.()
    await settle()
    expect(fake.saved.has(id)).toBe(true)
  })

  it('says when saving fails and saves the newest version on retry', async () => {
    fake.failSaving(new AppError('disk-full', 'The disk is full.'))
    await asked('Q?')
    expect(store.state.getState().saveFailure?.code).toBe('disk-full')
    fake.failSaving(null)
    store.retrySaving()
    await settle()
    expect(store.state.getState().saveFailure).toBeNull()
    expect([...fake.saved.values()][0]?.messages).toHaveLength(2)
  })

  it('saves changed settings a little later, once', async () => {
    await asked('Q?')
    vi.useFakeTimers()
    try {
      store.setSampling(current().id, { ...sampling, temperature: 0.1 })
      store.setSampling(current().id, { ...sampling, temperature: 0.2 })
      expect(fake.saved.get(current().id)?.sampling.temperature).toBe(sampling.temperature)
      await vi.runAllTimersAsync()
      expect(fake.saved.get(current().id)?.sampling.temperature).toBe(0.2)
    } finally {
      vi.useRealTimers()
    }
  })
})
