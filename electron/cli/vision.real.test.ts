/** Models that see, over the native engine and the bundled ones: what a person gets, against what transformers computes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createApp } from '../app.ts'
import { inProcessStarter } from '../engine/testing/in-process.ts'
import { runProgram } from './program.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const RESOURCES = fileURLToPath(new URL('../../resources', import.meta.url))
const CLIP = join(RESOURCES, 'demo-vision', 'clip')
const LLAVA = join(RESOURCES, 'demo-vision', 'llava')
const IMAGES = join(RESOURCES, 'demo-vision', 'images')
const CLASSES = join(IMAGES, 'classes.csv')
const QUESTIONS = join(IMAGES, 'labels.json')
const image = (name: string) => join(IMAGES, name)

const goldenSchema = z.object({
  clip: z.object({
    images: z.array(
      z.object({ file: z.string(), embedding_first16: z.array(z.number()), logits_per_image: z.array(z.number()) }),
    ),
    texts: z.array(z.object({ prompt: z.string(), embedding_first16: z.array(z.number()) })),
  }),
  llava: z.object({
    cases: z.array(
      z.object({ file: z.string(), question: z.string(), new_ids: z.array(z.number()), text: z.string() }),
    ),
  }),
})
const goldenFile = new URL('../../native/tests/data/vision/demo-golden.json', import.meta.url)
const golden = goldenSchema.parse(JSON.parse(readFileSync(goldenFile, 'utf8')))

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hqq-vision-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function run(...args: string[]) {
  let stdout = ''
  const code = await runProgram([...args, '--json'], {
    streams: {
      stdout(text) {
        stdout += text
      },
      stderr() {},
      isTerminal: false,
    },
    signal: new AbortController().signal,
    readLine: async () => null,
    async openApp() {
      const dataDir = join(root, 'data')
      mkdirSync(dataDir, { recursive: true })
      const platform = { host: 'cli' as const, dataDir, resourcesDir: RESOURCES }
      const tokenizerScript = new URL('../tokenizer/worker.ts', import.meta.url)
      const moverScript = new URL('../hub/mover/worker.ts', import.meta.url)
      return createApp({ platform, starter: inProcessStarter, tokenizerScript, moverScript, log() {} })
    },
  })
  return { code, json: JSON.parse(stdout) }
}

/** Made once for each name. */
const made = new Map<string, Promise<string>>()
function quantized(source: string, name: string, ...options: string[]): Promise<string> {
  const out = join(root, name)
  const known =
    made.get(name) ??
    run('quantize', '--model', source, '--out', out, ...options).then(({ code }) => {
      expect(code).toBe(0)
      return out
    })
  made.set(name, known)
  return known
}

const VISION_TOWER = (spec: string) => ['--rule', `{*vision_model.encoder.*,visual_projection}=${spec}`]
/** `bits:group` for the vision tower of CLIP, and nothing else. */
const towerOnly = (spec: string) => ['--config', keepAll(), ...VISION_TOWER(spec)]

function keepAll(): string {
  const path = join(root, 'keep.json')
  writeFileSync(path, JSON.stringify({ base: { kind: 'keep' }, rules: [], computeDtype: 'float32' }))
  return path
}

describe('the demo CLIP', () => {
  it('gives the embeddings and logits of transformers', async () => {
    const { images, texts } = golden.clip
    const files = images.map(({ file }) => image(file))
    const prompts = texts.flatMap(({ prompt }) => ['--text', prompt])
    const { json } = await run('embed', '--model', CLIP, ...prompts, ...files)
    for (const [index, { embedding_first16 }] of images.entries())
      expect(largestGap(json.images[index].embedding, embedding_first16)).toBeLessThan(1e-4)
    for (const [index, { embedding_first16 }] of texts.entries())
      expect(largestGap(json.texts[index].embedding, embedding_first16)).toBeLessThan(1e-4)

    const labels = texts.map(({ prompt }) => prompt.replace(/^a photo of an? /, ''))
    const classified = await run(
      'classify',
      '--model',
      CLIP,
      '--labels',
      labels.join(','),
      '--template',
      '{}',
      ...files,
    )
    expect(classified.json.prompts).toEqual(labels)
    const exact = texts.map(({ prompt }) => prompt)
    const own = await run('classify', '--model', CLIP, '--labels', exact.join(','), '--template', '{}', ...files)
    for (const [index, { logits_per_image }] of images.entries()) {
      const scores: { label: string; logit: number }[] = own.json.results[index].scores
      const logits = exact.map((label) => scores.find((score) => score.label === label)?.logit)
      expect(largestGap(logits, logits_per_image)).toBeLessThan(1e-2)
    }
  })

  it('is right about all classes, whatever its bits, by a label file or by folders', async () => {
    const folders = join(root, 'folders')
    for (const [label, file] of [
      ['red circle', 'test-01.png'],
      ['blue square', 'demo-04.png'],
    ] as const) {
      mkdirSync(join(folders, label), { recursive: true })
      writeFileSync(join(folders, label, file), readFileSync(image(file)))
    }
    const byFolder = await run('evaluate', '--model', CLIP, '--images', folders)
    expect(byFolder.json).toMatchObject({ top1: 1, total: 2, protocol: { labels: 2 } })
    for (const spec of ['8:64', '4:64', '3:64', '2:16']) {
      const model = await quantized(CLIP, `clip-${spec.replace(':', '-')}`, ...towerOnly(spec))
      const { json } = await run('evaluate', '--model', model, '--images', IMAGES, '--labels', CLASSES)
      expect(json).toMatchObject({ kind: 'labels', top1: 1, top5: 1, total: 24, problems: [] })
    }
  })

  // Mean cosines with the unquantized embedding over 1,500 pictures, from the model's card.
  it.each([
    ['8:64', 1.0],
    ['4:64', 0.997],
    ['3:64', 0.9885],
    ['2:16', 0.9602],
    ['2:64', 0.9132],
  ])('at %s keeps what the official quantizer keeps', async (spec, card) => {
    const model = await quantized(CLIP, `clip-${spec.replace(':', '-')}`, ...towerOnly(spec))
    expect(Math.abs((await similarity(model)) - card)).toBeLessThan(0.01)
  })

  it('goes on after a damaged picture, and says which it was', async () => {
    const broken = join(root, 'broken.png')
    writeFileSync(broken, readFileSync(image('test-01.png')).subarray(0, 300))
    const { code, json } = await run(
      'classify',
      '--model',
      CLIP,
      '--labels',
      'red circle,blue ring',
      broken,
      image('test-01.png'),
    )
    expect(code).toBe(0)
    expect(json.results).toMatchObject([{ image: broken, error: { code: 'bad-file' } }, { label: 'red circle' }])
    expect((await run('classify', '--model', CLIP, '--labels', 'a,b', broken)).code).toBe(1)
  })

  it('needs no more memory for a thousand pictures', async () => {
    // A tiny model: what is kept of a picture is the question, not how long one takes.
    const tiny = fileURLToPath(new URL('../../native/tests/data/vision/clip', import.meta.url))
    const some = Array.from({ length: 200 }, (_, index) => PICTURES[index % PICTURES.length] ?? '')
    const look = () => run('embed', '--model', tiny, ...some)
    await look()
    const before = process.memoryUsage().rss
    for (let round = 0; round < 5; round++) expect((await look()).json.images).toHaveLength(200)
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6)
  })
})

describe('the demo LLaVA', () => {
  it('answers as transformers does, token for token', async () => {
    for (const { file, question, new_ids, text } of golden.llava.cases) {
      const { json } = await run('generate', '--chat', '--model', LLAVA, '--image', image(file), '--prompt', question)
      expect(json.text).toBe(text)
      expect(json.new_ids).toEqual(new_ids)
    }
  })

  it('answers the questions about the pictures, and at 4 bits nearly as well', async () => {
    const plain = await run('evaluate', '--model', LLAVA, '--images', IMAGES, '--labels', QUESTIONS)
    expect(plain.json).toMatchObject({ kind: 'questions', top1: 1, total: 80 })
    const model = await quantized(LLAVA, 'llava-4', '--preset', '4-bit', '--compute-dtype', 'float32')
    const { json } = await run('evaluate', '--model', model, '--images', IMAGES, '--labels', QUESTIONS)
    expect(json.top1).toBeGreaterThan(0.96)
    const inspected = await run('inspect', '--model', model)
    const layers: { name: string; quantized: unknown }[] = inspected.json.linears
    // The eyes stay as they are unless a rule names them.
    const quantizedNames = layers.filter((layer) => layer.quantized != null).map(({ name }) => name)
    expect(quantizedNames).toHaveLength(56)
    expect(quantizedNames.every((name) => name.startsWith('language_model.'))).toBe(true)
  })

  it('cannot be asked for embeddings, and a CLIP cannot talk', async () => {
    const picture = image('test-01.png')
    expect((await run('embed', '--model', LLAVA, picture)).json.error.code).toBe('unsupported')
    expect((await run('generate', '--model', CLIP, '--prompt', 'a')).json.error.code).toBe('unsupported')
    const demo = await run('generate', '--chat', '--model', 'demo', '--image', picture, '--prompt', 'What is it?')
    expect(demo.json.error.message).toMatch(/reads text alone/)
  })
})

function largestGap(ours: readonly (number | undefined)[], theirs: readonly number[]): number {
  return Math.max(...theirs.map((value, at) => Math.abs(value - (ours[at] ?? Number.NaN))))
}

const PICTURES = Array.from({ length: 30 }, (_, index) => image(`test-${String(index + 1).padStart(2, '0')}.png`))
let original: Promise<number[][]> | undefined

/** Mean cosine of the embeddings of the test pictures with those of the original. */
async function similarity(model: string): Promise<number> {
  const embeddings = async (dir: string): Promise<number[][]> => {
    const { json } = await run('embed', '--model', dir, ...PICTURES)
    return json.images.map(({ embedding }: { embedding: number[] }) => embedding)
  }
  original ??= embeddings(CLIP)
  const [first, ours] = [await original, await embeddings(model)]
  const cosines = ours.map((one, at) => one.reduce((sum, value, i) => sum + value * (first[at]?.[i] ?? 0), 0))
  return cosines.reduce((sum, value) => sum + value, 0) / cosines.length
}
