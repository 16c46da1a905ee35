/** Messages to the prompt text a model was trained on, by the model's own Jinja template, as transformers renders it. */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { AppError } from '../contract/errors.ts'
import { formatTime } from './format-time.ts'
import type { TokenizerFiles } from './tokenizer-files.ts'

export interface TemplateMessage {
  role: string
  content: string
  /** How many pictures come with it; said of every message to a model that sees. */
  pictures?: number
}

export interface RenderedPrompt {
  text: string
  /** False after a template, which writes BOS itself; true for the plain fallback. */
  addSpecialTokens: boolean
}

/** Raised by a template's raise_exception; told apart from faults in the template itself. */
class TemplateRefusal extends Error {}

/**
 * The prompt up to where the assistant's answer starts. A model without a template gets the bare texts, one paragraph each, which
 * is what base models continue best. Throws `bad-input` when the template refuses the messages, `bad-file` when it is broken.
 */
export function renderChat(files: TokenizerFiles, messages: readonly TemplateMessage[], now: Date): RenderedPrompt {
  if (files.chatTemplate === null) {
    return { text: messages.map((message) => withPlaces(message, files)).join('\n\n'), addSpecialTokens: true }
  }
  try {
    const environment = new Environment()
    const values = {
      ...files.specialTokens,
      ...globals(now),
      messages: messages.map((message) => ({ role: message.role, content: contentOf(message, files) })),
      add_generation_prompt: true,
    }
    for (const [name, value] of Object.entries(values)) environment.set(name, value)
    const text = String(new Interpreter(environment).run(new Template(files.chatTemplate).parsed).value)
    return { text, addSpecialTokens: false }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof TemplateRefusal) {
      throw new AppError('bad-input', `The chat template of this model refuses these messages: ${reason}`)
    }
    throw new AppError('bad-file', `The chat template of this model cannot be rendered: ${reason}`, undefined, {
      cause: error,
    })
  }
}

/** Templates of models that see, when they go through the parts of a message. */
const READS_PARTS = /\[['"]type['"]\]|\.type\b|['"]type['"]/

/** Parts for templates that read them, as the Python library's processors hand them over; else the bare text. */
function contentOf(message: TemplateMessage, files: TokenizerFiles): string | { type: string; text?: string }[] {
  const { content, pictures } = message
  if (pictures === undefined) return content
  if (!READS_PARTS.test(files.chatTemplate ?? '')) return withPlaces(message, files)
  return [...Array.from({ length: pictures }, () => ({ type: 'image' })), { type: 'text', text: content }]
}

/** A text with a place for each of its pictures before it. */
function withPlaces({ content, pictures = 0 }: TemplateMessage, files: TokenizerFiles): string {
  return `${files.specialTokens.image_token ?? '<image>'}\n`.repeat(pictures) + content
}

/** The names a template may use. The library's own set is not taken: its date is in the language of the machine. */
function globals(now: Date): Record<string, unknown> {
  return {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    range,
    strftime_now: (format: string) => formatTime(now, format),
    raise_exception: (message: string) => {
      throw new TemplateRefusal(message)
    },
  }
}

/** Python's range over whole numbers. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  const count = step === 0 ? 0 : Math.max(0, Math.ceil((stop - start) / step))
  return Array.from({ length: count }, (_, index) => start + index * step)
}
