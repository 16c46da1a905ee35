/** Whether the GPU half of the engine is built, and building it: libhqq_cuda.so, beside the addon. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { findCompiler } from './cuda-toolchain.mjs'
import { buildCudaLibrary } from './native.mjs'
import { SetupError, say } from './say.mjs'

const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/lib/wsl/lib',
]

/** Taken off the arguments of a set-up command: `--cuda` builds for GPUs whatever is there, `--cpu` does not. */
export function cudaChoice({ cuda = false, cpu = false }) {
  if (cuda && cpu) throw new SetupError('--cuda and --cpu exclude each other.')
  return cuda ? 'always' : cpu ? 'never' : 'with-driver'
}

/** An NVIDIA driver is on this machine. */
export function hasDriver() {
  if (existsSync('/proc/driver/nvidia/version') || existsSync('/dev/dxg')) return true
  return LIBRARY_FOLDERS.some((folder) => existsSync(join(folder, 'libcuda.so.1')))
}

/** A GPU that tests can run on. */
export function hasGpu() {
  return existsSync('/dev') && readdirSync('/dev').some((name) => /^nvidia\d+$/.test(name))
}

/** Builds the library where that was asked for, or a driver is there. A driver without a compiler is no reason to stop. */
export async function prepareCuda(choice = 'with-driver') {
  if (process.platform !== 'linux' || choice === 'never') return
  if (choice === 'with-driver' && !hasDriver()) return
  try {
    await buildCudaLibrary(await findCompiler())
  } catch (error) {
    if (choice === 'always' || !(error instanceof SetupError)) throw error
    say(`going on without the GPU: ${error.message}`)
  }
}

/** As a test: the CUDA code compiles for every architecture, on a machine with a GPU or without. Returns counts. */
export async function checkCudaBuild() {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  if (process.platform !== 'linux') return counts
  let nvcc
  try {
    nvcc = await findCompiler()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`SKIP  CUDA build: ${error.message}\n`)
    return { ...counts, skipped: 1 }
  }
  try {
    await buildCudaLibrary(nvcc, { tests: hasGpu() })
    say('CUDA build: passed')
    return { ...counts, passed: 1 }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`FAIL  CUDA build: ${error.message}\n`)
    return { ...counts, failed: 1 }
  }
}
