/**
 * A model of this app against real llama.cpp: converts it to GGUF, loads the file there, and compares token ids, the logits of every
 * position and greedy answers. Run by hand, because it fetches llama.cpp from npm (prebuilt, CPU) into a folder of its own:
 *
 *   node e2e/interop/llama-cpp.mjs MODEL [--float-type f32|f16|bf16|own] [--dequantized] [--text TEXT] [--tokens N] [--llama FOLDER] [--cli FILE]
 *
 * MODEL is what `--model` of the command line takes. --float-type goes to `convert`, own keeps the types of the model; --dequantized
 * reconstructs the weights of a quantized model first, in float32. --llama names a folder to keep node-llama-cpp in, --cli another entry of
 * the command line. Ends with 1 when a greedy answer differs, or when a file without anything but float32 gives logits that are more than
 * 1e-2 apart. llama.cpp rounds the inputs of quantized layers to 8 bits and those of float16 and bfloat16 layers to their type; this app's
 * figures are without that, so for such files the difference is said and not judged. Its caches are in float32 here, without flash attention.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const VERSION = '3.22.1'
const TOLERANCE = 1e-2

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'float-type': { type: 'string', default: 'f32' },
    dequantized: { type: 'boolean', default: false },
    text: { type: 'string', default: 'Once upon a time there was a little girl who' },
    tokens: { type: 'string', default: '24' },
    cli: { type: 'string', default: fileURLToPath(new URL('../../electron/setup/cli.mjs', import.meta.url)) },
    llama: { type: 'string', default: join(tmpdir(), `node-llama-cpp-${VERSION}`) },
  },
})
const [model] = positionals
if (model === undefined) throw new Error('which model?')

const work = mkdtempSync(join(tmpdir(), 'llama-interop-'))
try {
  const failed = await compare(values.dequantized ? dequantized(model) : model, values.text, Number(values.tokens))
  process.exitCode = failed ? 1 : 0
} finally {
  rmSync(work, { recursive: true, force: true })
}

async function compare(name, text, newTokens) {
  const file = join(work, 'model.gguf')
  const floats = values['float-type'] === 'own' ? [] : ['--float-type', values['float-type']]
  const made = cli('convert', '--from', name, '--to', 'gguf', '--out', file, ...floats)
  say(`converted: ${JSON.stringify(made.types)}, rounding ${Math.max(made.rounding, made.cast_rounding)}`)

  const { getLlama, LlamaLogLevel } = await import(llamaEntry(values.llama))
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error })
  const loaded = await llama.loadModel({ modelPath: file, gpuLayers: 0 })
  const caches = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' }
  const context = await loaded.createContext({ contextSize: 256, flashAttention: false, ...caches })
  const ids = loaded.tokenize(text, true)
  const hasBos = loaded.tokens.bos !== null && loaded.tokens.shouldPrependBosToken
  const prompt = hasBos && ids[0] !== loaded.tokens.bos ? [loaded.tokens.bos, ...ids] : ids

  const sequence = context.getSequence()
  const input = prompt.map((id) => [id, { generateNext: { logits: true } }])
  const theirs = (await sequence.controlledEvaluate(input)).map((output) => output.next.logits)
  const ours = logitsOf(name, prompt)
  let worst = 0
  let same = 0
  theirs.forEach((row, position) => {
    for (const [id, logit] of row) worst = Math.max(worst, Math.abs(logit - ours[position][id]))
    same += argmax(row) === argmax(ours[position].entries()) ? 1 : 0
  })
  const judged = Object.keys(made.types).every((type) => type === 'F32')
  const apart = judged && !(worst <= TOLERANCE)
  say(
    `logits: ${prompt.length} positions, largest difference ${worst.toExponential(2)}${judged ? ` (${apart ? 'more' : 'not more'} than ${TOLERANCE})` : ''}, likeliest token equal in ${same}`,
  )

  await sequence.clearHistory()
  const answer = []
  for await (const id of sequence.evaluate(prompt, { temperature: 0 })) {
    answer.push(id)
    if (answer.length === newTokens || loaded.isEogToken(id)) break
  }
  const own = cli(
    'generate',
    '--model',
    name,
    '--prompt',
    text,
    '--max-new-tokens',
    String(newTokens),
    '--repetition-penalty',
    '1',
    '--top-k',
    '0',
    '--compute-dtype',
    'float32',
  )
  const theirText = loaded.detokenize(
    answer.filter((id) => !loaded.isEogToken(id)),
    false,
    prompt,
  )
  const equal = own.text.trim() === theirText.trim()
  say(
    `greedy: ${equal ? 'equal' : 'NOT equal'}\n  ours:  ${JSON.stringify(own.text)}\n  llama: ${JSON.stringify(theirText)}`,
  )
  return apart || !equal
}

/** The model with its weights written out. */
function dequantized(name) {
  const folder = join(work, 'dequantized')
  cli('dequantize', '--model', name, '--out', folder, '--dtype', 'float32')
  return folder
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

function argmax(entries) {
  let best = [-1, -Infinity]
  for (const entry of entries) if (entry[1] > best[1]) best = entry
  return best[0]
}

function cli(...args) {
  return JSON.parse(
    execFileSync(process.execPath, [values.cli, ...args, '--json', '--quiet'], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    }),
  )
}

/** [position][id] */
function logitsOf(name, ids) {
  const [list, out] = [join(work, 'ids.json'), join(work, 'logits.safetensors')]
  writeFileSync(list, JSON.stringify([ids]))
  const { shape } = cli('logits', '--model', name, '--ids', list, '--out', out)
  const bytes = readFileSync(out)
  const begin = 8 + Number(bytes.readBigUInt64LE(0))
  const vocabulary = shape[2]
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset + begin))
  return ids.map((_, position) => all.subarray(position * vocabulary, (position + 1) * vocabulary))
}

function llamaEntry(folder) {
  const manifest = join(folder, 'package.json')
  if (!existsSync(join(folder, 'node_modules', 'node-llama-cpp'))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(manifest, '{"private": true}')
    execFileSync('npm', ['install', `node-llama-cpp@${VERSION}`, '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: 'inherit',
    })
  }
  return pathToFileURL(createRequire(manifest).resolve('node-llama-cpp')).href
}
