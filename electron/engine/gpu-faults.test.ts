/**
 * The engine process over a pretended driver and GPU library (native/tests/fake_cuda): what is said when a GPU cannot be used,
 * and what survives one that vanishes or kills the process.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createNodeStarter } from './node-starter.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

vi.setConfig({ testTimeout: 60_000 })

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const FAKE = at('../../build/native/fake_cuda')
const DEMO = at('../../resources/demo-model')
const LOAD = { dir: DEMO, computeDtype: 'float32', contextLength: 64, fast: true } as const

let folder = ''
let lost = ''
let supervisor: Supervisor
const lines: string[] = []

beforeAll(() => {
  if (!existsSync(join(FAKE, 'libhqq_cuda.so'))) throw new Error('Run npm run build:native first.')
})
afterEach(async () => {
  await supervisor.dispose()
  rmSync(folder, { recursive: true, force: true })
})

function start(env: Record<string, string> = {}): Supervisor {
  folder = mkdtempSync(join(tmpdir(), 'hqq-gpu-'))
  lost = join(folder, 'lost')
  lines.length = 0
  const pretended = { LD_LIBRARY_PATH: FAKE, HQQ_CUDA_LIBRARY: join(FAKE, 'libhqq_cuda.so'), FAKE_CUDA_LOST: lost }
  const starter = createNodeStarter({ script: at('../worker.ts'), args: [''], env: { ...pretended, ...env } })
  supervisor = createSupervisor({ starter, log: (line) => lines.push(line) })
  return supervisor
}

async function gpuState(env: Record<string, string>): Promise<string | undefined> {
  const { cuda } = await start(env).call('engine.info', {})
  return cuda?.state
}

/** The CPU runs models, whatever became of the GPU. */
async function worksOnCpu(): Promise<void> {
  const { handle } = await supervisor.call('model.load', { ...LOAD, device: 'cpu' })
  await supervisor.call('model.unload', { handle })
}

describe('a GPU that cannot be used', () => {
  it.each([
    ['old-driver', { FAKE_CUDA_DRIVER: '12040' }],
    ['no-device', { FAKE_CUDA_INIT: '100' }],
    ['not-built', { HQQ_CUDA_LIBRARY: '/nowhere/libhqq_cuda.so' }],
    ['abi-mismatch', { FAKE_CUDA_ABI: '99' }],
    ['disabled', { HQQ_CUDA: 'off' }],
  ])('is a state, %s, and the CPU works', async (state, env) => {
    expect(await gpuState(env)).toBe(state)
    await worksOnCpu()
  })
})

describe('a GPU that vanishes', () => {
  it('ends the engine process with the job that met it; the next one works on the CPU', async () => {
    const { devices } = await start().call('engine.info', {})
    const [, gpu] = devices
    expect(gpu).toMatchObject({ name: 'Pretend GPU 0', kind: 'cuda' })

    writeFileSync(lost, '')
    const onGpu = { ...LOAD, device: gpu?.id ?? '' }
    await expect(supervisor.call('model.load', onGpu)).rejects.toMatchObject({ code: 'device-lost' })
    await expect.poll(() => supervisor.status().deaths, { timeout: 20_000 }).toBe(1)
    await worksOnCpu()
    expect(supervisor.status().machine?.cuda?.state).toBe('device-lost')

    rmSync(lost)
    await supervisor.restart()
    expect(supervisor.status().machine?.cuda?.state).toBe('ready')
  })

  it('is said of a driver that kills the process, which then runs on the CPU', async () => {
    const { cuda } = await start({ FAKE_CUDA_PROBE: 'crash' }).call('engine.info', {})
    expect(cuda?.state).toBe('disabled')
    expect(supervisor.status().machine?.cuda?.sentence).toContain('died when it looked at the GPU')
    await worksOnCpu()
  })
})
