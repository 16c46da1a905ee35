import { describe, expect, it } from 'vitest'
import { samplingSchema } from '../../../electron/contract/domain.ts'
import {
  awaitsAnswer,
  cutBefore,
  newConversation,
  systemPromptOf,
  titleFrom,
  upToLastQuestion,
  withQuestion,
  withSystemPrompt,
} from './conversation.ts'
import { chatAsJson, chatAsMarkdown } from './export-chat.ts'
import { endingOf } from './finish-reason.ts'
import { samplingDefaults } from './sampling-defaults.ts'

const empty = newConversation({
  id: 'c',
  modelId: 'demo',
  sampling: samplingSchema.parse({}),
  at: '2026-01-01T00:00:00.000Z',
})

describe('conversation', () => {
  it('takes its title from the first line, cut at a word', () => {
    expect(titleFrom('  Hello\nworld')).toBe('Hello')
    expect(titleFrom('')).toBe('New chat')
    const long = titleFrom(`${'word '.repeat(30)}`)
    expect(long.length).toBeLessThanOrEqual(61)
    expect(long.endsWith('word…')).toBe(true)
  })

  it('keeps the system prompt first and removes an empty one', () => {
    const asked = withQuestion(withSystemPrompt(empty, 's', 'Be brief.'), 'q', 'Hi')
    expect(systemPromptOf(asked)).toBe('Be brief.')
    expect(withSystemPrompt(asked, 'other', 'Be long.').messages.map((message) => message.id)).toEqual(['s', 'q'])
    expect(withSystemPrompt(asked, 'other', '').messages.map((message) => message.id)).toEqual(['q'])
  })

  it('cuts before a message and after the last question', () => {
    const asked = withQuestion(empty, 'q1', 'One')
    const answered = { ...asked, messages: [...asked.messages, { id: 'a1', role: 'assistant' as const, content: 'A' }] }
    const both = withQuestion(answered, 'q2', 'Two')
    expect(cutBefore(both, 'q2').messages.map((message) => message.id)).toEqual(['q1', 'a1'])
    expect(cutBefore(both, 'none')).toBe(both)
    expect(upToLastQuestion(answered).messages.map((message) => message.id)).toEqual(['q1'])
    expect([awaitsAnswer(asked), awaitsAnswer(answered)]).toEqual([true, false])
  })
})

describe('sampling defaults', () => {
  it('takes what the model brings and ours for the rest', () => {
    expect(samplingDefaults({ temperature: 0.2, top_k: 5, do_sample: true })).toMatchObject({
      temperature: 0.2,
      topK: 5,
      topP: 0.95,
    })
  })

  it('reads do_sample false as greedy and leaves out values out of range', () => {
    expect(samplingDefaults({ do_sample: false, temperature: 0.9 }).temperature).toBe(0)
    expect(samplingDefaults({ top_p: 7, top_k: 'many' })).toMatchObject({ topP: 0.95, topK: 40 })
  })
})

describe('words and files', () => {
  it('has words for every ending and shows an unknown one as it is', () => {
    expect(endingOf('context-full').label).toBe('context full')
    expect(endingOf('toString').label).toBe('toString')
  })

  it('exports Markdown to read and JSON with everything', () => {
    const asked = withQuestion(empty, 'q', 'What is 2-bit?')
    const stats = {
      modelId: 'demo',
      promptTokens: 4,
      newTokens: 2,
      timeToFirstTokenMs: 12.4,
      tokensPerSecond: 50.04,
      finishReason: 'eos',
      seed: 7,
      memoryBytes: 1,
    }
    const chat = {
      ...asked,
      messages: [...asked.messages, { id: 'a', role: 'assistant' as const, content: 'Small.', stats }],
    }
    const markdown = chatAsMarkdown(chat, () => 'Demo 14M')
    expect(markdown.fileName).toBe('what-is-2-bit.md')
    expect(markdown.content).toContain('## Model (Demo 14M)\n\nSmall.')
    expect(markdown.content).toContain('2 tokens, 50.0 tok/s, first token after 12 ms, seed 7, complete')
    expect(JSON.parse(chatAsJson(chat).content)).toEqual(chat)
  })
})
