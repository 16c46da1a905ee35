/**
 * Packs the app with a stub in the place of Electron's binary and looks into the result: real configuration, real
 * archive, no download.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { BUILD, MODULES, nodePath, packageJson, ROOT } from './paths.mjs'
import { run } from './run-command.mjs'

const STUB = join(BUILD, 'electron-stub')
const OUTPUT = join(BUILD, 'packaging-check')
/** Marks the fuse bytes in Electron's binary: this text, a version, a length, one digit for each fuse. */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX'
const FUSE_COUNT = 9

/** Returns counts, one for each property of the package. */
export async function checkPackaging() {
  makeStub()
  rmSync(OUTPUT, { recursive: true, force: true })
  const builder = join(MODULES, 'electron-builder', 'cli.js')
  const args = ['--linux', '--dir', `-c.electronDist=${STUB}`, `-c.directories.output=${OUTPUT}`]
  const { code, output } = await run(nodePath(), [builder, ...args], { quiet: true, env: { CI: '1' } })
  if (code !== 0) process.stderr.write(output)

  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const [property, holds] of [
    ['electron-builder accepts the configuration', code === 0],
    ...propertiesOf(OUTPUT),
  ]) {
    if (holds) counts.passed++
    else {
      counts.failed++
      process.stderr.write(`FAIL  packaging: ${property}\n`)
    }
  }
  return counts
}

function makeStub() {
  rmSync(STUB, { recursive: true, force: true })
  for (const folder of ['resources', 'locales']) mkdirSync(join(STUB, folder), { recursive: true })
  const fuses = Buffer.concat([
    Buffer.from(FUSE_SENTINEL),
    Buffer.from([1, FUSE_COUNT]),
    Buffer.from('0'.repeat(FUSE_COUNT)),
  ])
  writeFileSync(join(STUB, 'electron'), fuses, { mode: 0o755 })
  for (const name of ['LICENSE', 'LICENSES.chromium.html', 'locales/en-US.pak']) writeFileSync(join(STUB, name), '')
  writeFileSync(join(STUB, 'version'), packageJson().devDependencies.electron)
}

function propertiesOf(output) {
  const unpacked = join(output, 'linux-unpacked')
  const resources = join(unpacked, 'resources')
  const archive = join(resources, 'app.asar')
  if (!existsSync(archive)) return [['there is an archive', false]]
  const asar = createRequire(import.meta.url)('@electron/asar')
  const files = asar.listPackage(archive, { isPack: false }).map((file) => file.replaceAll('\\', '/'))
  const has = (file) => files.includes(file)
  const demo = ['model.safetensors', 'config.json', 'tokenizer.json', 'eval.txt']
  return [
    ...['main.js', 'preload.cjs', 'worker.js', 'tokenizer.js', 'mover.js', 'renderer/index.html'].map((name) => [
      `the archive has ${name}`,
      has(`/out/${name}`),
    ]),
    ['the archive has no packages but the reader of pictures', files.every(isNoPackageOrPictures)],
    ['the reader of pictures is outside the archive', existsSync(join(`${archive}.unpacked`, 'node_modules', '@img'))],
    ['the archive has no sources', !files.some((file) => /\.(ts|tsx|cpp|h)$/.test(file))],
    ['package.json names the entry', JSON.parse(asar.extractFile(archive, 'package.json')).main === 'out/main.js'],
    ['the addon is outside the archive', existsSync(join(`${archive}.unpacked`, 'out', 'hqq_engine.node'))],
    ['the GPU library is beside it when it is built', gpuLibraryIsPacked(archive)],
    ['the addon loads from there', addonLoads(join(`${archive}.unpacked`, 'out', 'hqq_engine.node'))],
    ['the demo models that see are there', existsSync(join(resources, 'demo-vision', 'clip', 'model.safetensors'))],
    ...demo.map((name) => [`the demo model has ${name}`, existsSync(join(resources, 'demo-model', name))]),
    ['the licence is there', existsSync(join(resources, 'LICENSE'))],
    ['Electron does not run as Node', fusesOf(readFileSync(join(unpacked, packageJson().name)))[0] === '0'],
    ['the app loads from the archive only', fusesOf(readFileSync(join(unpacked, packageJson().name)))[5] === '1'],
  ]
}

function isNoPackageOrPictures(file) {
  const [, name] = /^\/node_modules\/([^/]+)/.exec(file) ?? []
  return name === undefined || ['sharp', '@img', 'detect-libc', 'semver'].includes(name)
}

function gpuLibraryIsPacked(archive) {
  const name = join('out', 'libhqq_cuda.so')
  return !existsSync(join(ROOT, name)) || existsSync(join(`${archive}.unpacked`, name))
}

function addonLoads(path) {
  try {
    return typeof createRequire(import.meta.url)(path).start === 'function'
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    return false
  }
}

/** The fuse digits, in the order of Electron's fuse schema: first "run as Node", sixth "only from the archive". */
function fusesOf(binary) {
  const start = binary.indexOf(FUSE_SENTINEL) + FUSE_SENTINEL.length + 2
  return binary.subarray(start, start + FUSE_COUNT).toString()
}
