/** The native engine: configured once with CMake, built incrementally, its addon copied beside the bundles. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { BUILD, MODULES, NATIVE_BUILD, OUT, packageJson, ROOT } from './paths.mjs'
import { mustRun, onPath } from './run-command.mjs'
import { SetupError, say } from './say.mjs'
import { unlessUpToDate } from './stamp.mjs'

const CUDA_LIBRARY = 'libhqq_cuda.so'
/** Heavy template code: about this much memory a compiler. */
const COMPILER_BYTES = 1.2e9

/** Builds the addon (and nothing else) when its sources changed. */
export async function buildAddon() {
  await unlessUpToDate(
    {
      name: 'addon',
      inputs: ['native'],
      texts: [packageJson().version, process.platform, process.arch],
      ignore: (file) =>
        (file.startsWith(join('native', 'tests')) && !file.includes('fake_cuda')) || file.endsWith('.md'),
      outputs: [join(OUT, 'hqq_engine.node'), join(NATIVE_BUILD, 'fake_cuda', CUDA_LIBRARY)],
    },
    async () => {
      needTools()
      say('building the native engine (a minute or two the first time)')
      await configure()
      await buildTarget('hqq_engine')
      // A second's work, and tests of every kind pretend a GPU with it.
      await buildTarget('fake_cuda')
      putIntoOut('hqq_engine.node')
    },
  )
}

/** Builds the engine's GPU half with this nvcc; with `tests` also those that need a GPU to run. */
export async function buildCudaLibrary(nvcc, { tests = false } = {}) {
  await unlessUpToDate(
    {
      name: tests ? 'cuda-tests' : 'cuda',
      inputs: ['native'],
      texts: [packageJson().version, process.platform, process.arch, nvcc],
      ignore: (file) => (!tests && file.startsWith(join('native', 'tests'))) || file.endsWith('.md'),
      outputs: [join(OUT, CUDA_LIBRARY)],
    },
    async () => {
      needTools()
      say('building the GPU half of the engine (some minutes the first time)')
      await configure(['-DHQQ_CUDA=ON', `-DHQQ_NVCC=${nvcc}`])
      await buildTarget('hqq_cuda', 'The GPU half of the engine did not build; the compiler output is above.')
      if (tests) await buildTarget('cuda_tests')
      putIntoOut(CUDA_LIBRARY)
    },
  )
}

/** Renamed into place: a running app has the old file mapped. */
function putIntoOut(name) {
  mkdirSync(OUT, { recursive: true })
  const fresh = join(OUT, `${name}.new`)
  copyFileSync(join(NATIVE_BUILD, name), fresh)
  renameSync(fresh, join(OUT, name))
}

/** Builds everything native: addon, command line, tests, benchmarks. */
export async function buildAllNative() {
  await buildAddon()
  await unlessUpToDate(
    {
      name: 'native-all',
      inputs: ['native'],
      texts: [packageJson().version, process.platform, process.arch],
      ignore: (file) => file.startsWith(join('native', 'tests', 'data')) || file.endsWith('.md'),
      outputs: [join(NATIVE_BUILD, 'libengine.a')],
    },
    async () => {
      needTools()
      say('building the native tests')
      await configure()
      await buildTarget('all')
    },
  )
}

/** Said each time: options stay in the build folder's cache. */
async function configure(options = ['-DHQQ_CUDA=OFF']) {
  dropForeignCache()
  const generator = onPath('ninja') ? ['-G', 'Ninja'] : []
  const include = ['node-addon-api', join('node-api-headers', 'include')].map((name) => join(MODULES, name)).join(';')
  mkdirSync(BUILD, { recursive: true })
  await mustRun(
    'cmake',
    [
      ...['-S', join(ROOT, 'native'), '-B', NATIVE_BUILD, ...generator],
      '-DCMAKE_BUILD_TYPE=Release',
      `-DHQQ_NODE_INCLUDE=${include}`,
      `-DHQQ_VERSION=${packageJson().version}`,
      ...options,
    ],
    'CMake could not configure the native engine; its output is above.',
  )
}

async function buildTarget(target, failure = 'The native engine did not build; the compiler output is above.') {
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / COMPILER_BYTES)))
  await mustRun(
    'cmake',
    ['--build', NATIVE_BUILD, '--config', 'Release', '--target', target, '-j', String(jobs)],
    failure,
  )
}

function needTools() {
  const compilers = ['c++', 'g++', 'clang++']
  const missing = []
  if (!onPath('cmake')) missing.push('cmake')
  if (!compilers.some(onPath)) missing.push('g++')
  if (!onPath('ninja') && !onPath('make')) missing.push('make')
  if (missing.length === 0) return
  throw new SetupError(
    `The native engine needs ${missing.join(', ')}. On Debian and Ubuntu: sudo apt-get install -y ${missing.join(' ')}`,
  )
}

/** A build folder of another place or generator cannot be reused. */
function dropForeignCache() {
  const cache = join(NATIVE_BUILD, 'CMakeCache.txt')
  if (!existsSync(cache)) return
  const text = readFileSync(cache, 'utf8')
  const generator = onPath('ninja') ? 'CMAKE_GENERATOR:INTERNAL=Ninja' : 'CMAKE_GENERATOR:INTERNAL=Unix Makefiles'
  const home = `CMAKE_HOME_DIRECTORY:INTERNAL=${join(ROOT, 'native')}`
  if (!text.includes(`${generator}\n`) || !text.includes(`${home}\n`)) rmSync(NATIVE_BUILD, { recursive: true })
}
