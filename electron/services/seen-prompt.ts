/** A prompt with its pictures, as the processor of the Python library makes it: ids, and the pixel values they stand for. */
import type { ModelSummary } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { ImageRef } from '../contract/vision.ts'
import type { Tokenizers } from '../tokenizer/tokenizers.ts'
import type { PixelValues } from '../vision/pixel-values.ts'
import { readModelConfig } from './model-config.ts'
import type { Pictures } from './pictures.ts'
import { preparePicture, readPreprocessing } from './pixels.ts'
import { promptIds } from './prompt.ts'
import type { VisionConfig } from './vision-config.ts'
import { pictureTokens } from './vision-summary.ts'

export type SeenPromptInput =
  | { kind: 'messages'; messages: readonly { role: string; content: string; images?: readonly ImageRef[] }[] }
  /** A text to go on with; pictures that it has no place for come before it. */
  | { kind: 'text'; text: string; images?: readonly ImageRef[] }

export interface SeenPrompt {
  text: string
  ids: number[]
  pixels: PixelValues[]
}

export interface SeenPromptDeps {
  tokenizers: Tokenizers
  pictures: Pictures
}

/** What stands for a picture in prompts, unless the tokenizer says otherwise. */
const PICTURE_TOKEN = '<image>'

/** Throws `unsupported` for pictures shown to a model that reads text alone, and what reading pictures throws. */
export async function preparePrompt(
  { tokenizers, pictures }: SeenPromptDeps,
  { name, path, vision: summary }: Pick<ModelSummary, 'name' | 'path' | 'vision'>,
  prompt: SeenPromptInput,
): Promise<SeenPrompt> {
  const images = prompt.kind === 'text' ? (prompt.images ?? []) : prompt.messages.flatMap((one) => one.images ?? [])
  const { vision } = summary === undefined ? { vision: null } : await readModelConfig(path)
  if (summary === undefined || vision?.prompt == null) {
    if (images.length > 0) {
      throw new AppError('unsupported', `${name} reads text alone. Choose a model that sees, or take the pictures out.`)
    }
    return { ...(await promptIds(tokenizers, path, prompt)), pixels: [] }
  }
  const { text, ids } =
    prompt.kind === 'text'
      ? await promptIds(tokenizers, path, { kind: 'text', text: withPlaces(prompt.text, images.length) })
      : await tokenizers.prompt(
          path,
          prompt.messages.map(({ role, content, images: own = [] }) => ({ role, content, pictures: own.length })),
        )
  const steps = images.length === 0 ? null : await readPreprocessing(path, summary)
  const pixels: PixelValues[] = []
  // One after the other: each holds the whole picture while it is read.
  for (const image of images) if (steps !== null) pixels.push(await preparePicture(pictures, image, steps))
  return { text, ids: withPictures(ids, pixels, vision), pixels }
}

function withPlaces(text: string, images: number): string {
  const missing = images - (text.split(PICTURE_TOKEN).length - 1)
  return missing > 0 ? `${PICTURE_TOKEN}\n`.repeat(missing) + text : text
}

/** Each picture token as often as its picture gives rows. */
function withPictures(ids: readonly number[], pixels: readonly PixelValues[], config: VisionConfig): number[] {
  const pictureId = config.prompt?.pictureId
  const places = ids.filter((id) => id === pictureId).length
  if (places !== pixels.length) {
    throw new AppError(
      'bad-input',
      places > pixels.length
        ? `The prompt has ${places} places for pictures (${PICTURE_TOKEN}) but ${pixels.length} pictures. Take the word out.`
        : `The model's chat template has places for ${places} of ${pixels.length} pictures. Show fewer at a time.`,
    )
  }
  let next = 0
  return ids.flatMap((id) => {
    if (id !== pictureId) return [id]
    const picture = pixels[next++]
    const count = picture === undefined ? 0 : pictureTokens(config, picture.width, picture.height)
    return Array<number>(count).fill(id)
  })
}
