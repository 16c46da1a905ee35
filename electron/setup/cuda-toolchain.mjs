/**
 * The CUDA compiler: the system's when it is new enough, else pinned wheels from PyPI. They are fetched with pip and not by hand:
 * pip knows the machine's proxy, mirror and certificates, and checks the hashes in native/cuda/requirements.txt.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { BUILD, ROOT } from './paths.mjs'
import { run } from './run-command.mjs'
import { SetupError, say } from './say.mjs'

const REQUIREMENTS = join(ROOT, 'native', 'cuda', 'requirements.txt')
const TOOLCHAIN = join(BUILD, 'cuda-toolchain')
/** The first that knows every architecture the library is built for. */
const OLDEST_NVCC = [12, 8]

/** Path of an nvcc that can build the library; fetches one when `fetch` is set. Throws SetupError with the way out. */
export async function findCompiler({ fetch = true } = {}) {
  const own = await systemCompiler()
  if (own) return own
  if (isFetched()) return fetchedCompiler()
  if (!fetch) return undefined
  await fetchCompiler()
  return fetchedCompiler()
}

async function systemCompiler() {
  const { HQQ_NVCC, CUDA_HOME, CUDA_PATH, PATH = '' } = process.env
  if (HQQ_NVCC) return HQQ_NVCC
  const folders = [CUDA_HOME, CUDA_PATH].filter(Boolean).map((root) => join(root, 'bin'))
  for (const folder of [...folders, ...PATH.split(delimiter), '/usr/local/cuda/bin']) {
    const nvcc = join(folder, 'nvcc')
    if (existsSync(nvcc) && isNewEnough(await versionOf(nvcc))) return nvcc
  }
}

async function versionOf(nvcc) {
  const { output } = await run(nvcc, ['--version'], { quiet: true })
  return output
    .match(/release (\d+)\.(\d+)/)
    ?.slice(1)
    .map(Number)
}

export function isNewEnough(version) {
  if (!version) return false
  const [major, minor] = version
  return major > OLDEST_NVCC[0] || (major === OLDEST_NVCC[0] && minor >= OLDEST_NVCC[1])
}

function fetchedCompiler() {
  return join(TOOLCHAIN, 'nvidia', 'cu13', 'bin', 'nvcc')
}

/** Holds the hash of the requirements it was fetched for: there only when everything is. */
const STAMP = join(TOOLCHAIN, 'requirements.sha256')

function wanted() {
  return createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex')
}

function isFetched() {
  return existsSync(fetchedCompiler()) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted()
}

async function fetchCompiler() {
  const pip = await findPip()
  say('fetching the CUDA compiler from PyPI (271 MB on disk, once)')
  // Unpacked beside its place and renamed into it: what is there is whole.
  const fresh = `${TOOLCHAIN}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(BUILD, { recursive: true })
  const options = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check', '-q']
  const [command, ...first] = pip
  const args = [...first, 'install', ...options, '--target', fresh, '-r', REQUIREMENTS]
  const { code, output } = await run(command, args, { quiet: true, env: { PIP_ROOT_USER_ACTION: 'ignore' } })
  if (code !== 0 || !existsSync(fresh) || readdirSync(fresh).length === 0) {
    rmSync(fresh, { recursive: true, force: true })
    throw new SetupError(
      `The CUDA compiler could not be fetched from PyPI: ${lastLine(output)} ` +
        'Check the network, or install the CUDA toolkit 12.8 or later; --cpu does without.',
    )
  }
  writeFileSync(join(fresh, 'requirements.sha256'), wanted())
  rmSync(TOOLCHAIN, { recursive: true, force: true })
  renameSync(fresh, TOOLCHAIN)
}

async function findPip() {
  const candidates = [['python3', '-m', 'pip'], ['pip3'], ['pip']]
  for (const candidate of candidates) {
    const [command, ...args] = candidate
    const { code } = await run(command, [...args, '--version'], { quiet: true }).catch(() => ({ code: 1 }))
    if (code === 0) return candidate
  }
  throw new SetupError(
    'The CUDA compiler comes from PyPI, and there is no pip to fetch it with. On Debian and Ubuntu: ' +
      'sudo apt-get install -y python3-pip. Or install the CUDA toolkit 12.8 or later; --cpu does without.',
  )
}

function lastLine(output) {
  return (
    output
      .trim()
      .split('\n')
      .findLast((line) => line.startsWith('ERROR')) ?? 'pip failed.'
  )
}
