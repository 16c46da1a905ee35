/** The pictures of a folder with what they show. */
import { type Labels, labelOf, readLabels } from './label-files.ts'
import type { PictureFile, Pictures } from './pictures.ts'

export interface LabelledPictures {
  images: (PictureFile & { label: string | null })[]
  /** All labels, each once, in the order of the pictures. */
  labels: string[]
  questions: Labels['questions']
}

/** `file` null: each subfolder is a label. Throws as the two do. */
export async function listLabelled(pictures: Pictures, dir: string, file: string | null): Promise<LabelledPictures> {
  const known = file === null ? null : await readLabels(file)
  const images = (await pictures.list(dir)).map((image) => ({ ...image, label: labelOf(image.name, known) }))
  const labels = [...new Set(images.flatMap(({ label }) => (label === null ? [] : [label])))]
  return { images, labels, questions: known?.questions ?? [] }
}
