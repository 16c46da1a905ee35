import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../contract/errors.ts'
import { renderChat } from './chat-template.ts'
import { createTextCodec } from './text-codec.ts'
import { readChatTemplate, readTokenizerFiles } from './tokenizer-files.ts'

const TINY = {
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] },
  added_tokens: [
    { id: 3, content: '<s>', special: true },
    { id: 4, content: '</s>', special: true },
  ],
}

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hqq-tokenizer-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function put(name: string, value: unknown): void {
  writeFileSync(join(dir, name), typeof value === 'string' ? value : JSON.stringify(value))
}

function failure(run: () => unknown): AppError {
  try {
    run()
  } catch (error) {
    if (error instanceof AppError) return error
  }
  throw new Error('expected an AppError')
}

describe('a folder whose text side is unusable', () => {
  it('says that the tokenizer is missing and what to do', () => {
    const error = failure(() => readTokenizerFiles(dir))
    expect(error.code).toBe('not-found')
    expect(error.message).toContain('Copy tokenizer.json')
  })

  it('tells a SentencePiece model apart', () => {
    put('tokenizer.model', 'binary')
    expect(failure(() => readTokenizerFiles(dir)).message).toContain('AutoTokenizer')
  })

  it.each([
    ['truncated JSON', '{"model": {"type"'],
    ['another file', []],
    ['no model', { added_tokens: [] }],
  ])('refuses %s', (_, content) => {
    put('tokenizer.json', content)
    expect(failure(() => readTokenizerFiles(dir)).code).toBe('bad-file')
  })

  it('refuses a tokenizer of an unknown kind', () => {
    put('tokenizer.json', { ...TINY, decoder: { type: 'Magic' } })
    expect(failure(() => createTextCodec(readTokenizerFiles(dir))).code).toBe('bad-file')
  })
})

describe('special tokens', () => {
  it('follows add_bos_token and add_eos_token for the classes that transformers builds from flags', () => {
    put('tokenizer.json', TINY)
    const config = { tokenizer_class: 'LlamaTokenizer', bos_token: '<s>', eos_token: { content: '</s>' } }
    put('tokenizer_config.json', config)
    expect(createTextCodec(readTokenizerFiles(dir)).encode('ab', true)).toEqual([3, 2])
    put('tokenizer_config.json', { ...config, add_bos_token: false, add_eos_token: true })
    const codec = createTextCodec(readTokenizerFiles(dir))
    expect(codec.encode('ab', true)).toEqual([2, 4])
    expect(codec.encode('ab', false)).toEqual([2])
  })
})

describe('chat templates', () => {
  const now = new Date(2026, 6, 4, 5, 6, 7)

  function render(template: string, messages = [{ role: 'user', content: 'hi' }]): string {
    put('tokenizer.json', TINY)
    put('tokenizer_config.json', { chat_template: template, bos_token: '<s>', eos_token: '</s>' })
    return renderChat(readTokenizerFiles(dir), messages, now).text
  }

  it('are found in each of their places, a file of their own first', () => {
    put('tokenizer_config.json', { chat_template: [{ name: 'default', template: 'listed' }] })
    expect(readChatTemplate(dir)).toBe('listed')
    put('chat_template.json', { chat_template: 'legacy' })
    expect(readChatTemplate(dir)).toBe('legacy')
    put('chat_template.jinja', 'file')
    expect(readChatTemplate(dir)).toBe('file')
  })

  it('see the special tokens, the date in English and no tools', () => {
    expect(
      render(
        "{{ bos_token }}{% if tools is defined %}tools{% endif %}{{ strftime_now('%d %b %Y') }}|{{ messages[0].content }}{{ eos_token }}" +
          '{% if add_generation_prompt %}>{% endif %}{% for i in range(1, 4) %}{{ i }}{% endfor %}',
      ),
    ).toBe('<s>04 Jul 2026|hi</s>>123')
  })

  it('may refuse messages, in words', () => {
    const error = failure(() => render("{{ raise_exception('roles must alternate') }}"))
    expect(error.code).toBe('bad-input')
    expect(error.message).toContain('roles must alternate')
  })

  it('that are broken name the model as the cause', () => {
    expect(failure(() => render('{% if %}')).code).toBe('bad-file')
  })

  it('that are missing leave the bare text', () => {
    put('tokenizer.json', TINY)
    const messages = [
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'two' },
    ]
    const prompt = renderChat(readTokenizerFiles(dir), messages, now)
    expect(prompt).toEqual({ text: 'one\n\ntwo', addSpecialTokens: true })
  })
})
