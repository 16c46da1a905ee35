import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')
export const WEB_ENTRY = join(ROOT, 'out', 'web.js')
export const DEMO_MODEL = join(ROOT, 'resources', 'demo-model')
/** Pictures that the demo models that see know. */
export const DEMO_PICTURES = join(ROOT, 'resources', 'demo-vision', 'images')
/** Screenshots, traces and reports; ignored by git. */
export const ARTIFACTS = join(ROOT, 'e2e', 'artifacts')
