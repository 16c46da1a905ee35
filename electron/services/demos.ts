/** The models and pictures that ship with the app. Their folders move with it, so they go by name. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

export interface DemoModel {
  id: string
  name: string
  path: string
  note: string
  /** Listed only where a person wants it. */
  optional: boolean
}

export const DEMO_ID = 'demo'

export function demoModels(resourcesDir: string): DemoModel[] {
  const at = (...names: string[]) => resolve(join(resourcesDir, ...names))
  return [
    {
      id: DEMO_ID,
      name: 'Demo model',
      path: at('demo-model'),
      note: 'A small demonstration model of 14 million parameters: it writes story prose and short answers, and is often wrong.',
      optional: false,
    },
    {
      id: 'demo-clip',
      name: 'Demo CLIP',
      path: at('demo-vision', 'clip'),
      note: 'A small demonstration model of 7 million parameters: it tells drawn shapes of ten kinds and ten colours apart, and nothing else.',
      optional: true,
    },
    {
      id: 'demo-llava',
      name: 'Demo LLaVA',
      path: at('demo-vision', 'llava'),
      note: 'A small demonstration model of 19 million parameters: it answers questions about drawn pictures of coloured shapes; about photos it invents.',
      optional: true,
    },
  ]
}

/** The pictures that the demo models that see know, with their labels and with questions; null where they are not installed. */
export function samplePictures(resourcesDir: string): { dir: string; labels: string; questions: string } | null {
  const dir = resolve(join(resourcesDir, 'demo-vision', 'images'))
  const labels = join(dir, 'classes.csv')
  return existsSync(labels) ? { dir, labels, questions: join(dir, 'labels.json') } : null
}
