import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type FakeHub, startFakeHub } from '../hub/testing/fake-hub.ts'
import { closeWorlds, createWorld, makeTinyModel, type World } from '../services/testing/world.ts'
import { runProgram } from './program.ts'

vi.setConfig({ testTimeout: 60_000 })

const TOKEN = 'hf_write123456'
const NAME = 'acme/tiny'

let hub: FakeHub
let world: World
beforeEach(async () => {
  hub = await startFakeHub({ accounts: { [TOKEN]: { name: 'acme' } } })
  world = await createWorld({ host: 'cli', env: { HF_ENDPOINT: hub.endpoint } })
  const dir = makeTinyModel(join(world.root, 'tiny'))
  const files = Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]))
  hub.add(NAME, files, {
    info: { tags: ['license:mit'], downloads: 3, config: { architectures: ['LlamaForCausalLM'] } },
  })
})
afterEach(async () => {
  await closeWorlds()
  await hub.close()
})

async function run(args: string[], input: string | null = null) {
  let stdout = ''
  let stderr = ''
  const code = await runProgram(args, {
    streams: {
      stdout(text) {
        stdout += text
      },
      stderr(text) {
        stderr += text
      },
      isTerminal: false,
    },
    signal: new AbortController().signal,
    readLine: async () => input,
    openApp: async () => ({ ...world.app, dispose: async () => {} }),
  })
  return { code, stdout, stderr, json: () => JSON.parse(stdout) }
}

describe('the account', () => {
  it('is signed in by a token from the input, which appears nowhere', async () => {
    expect((await run(['whoami'])).stdout).toContain('nobody')
    const login = await run(['login', '--json'], TOKEN)
    expect(login.json()).toMatchObject({ user: { name: 'acme' }, token_source: 'app' })
    const whoami = await run(['whoami', '--verbose'])
    expect(whoami.stdout).toContain('acme')
    for (const { stdout, stderr } of [login, whoami]) expect(stdout + stderr).not.toContain(TOKEN)
    expect((await run(['logout'])).stdout).toContain('nobody')
    expect((await run(['login'], '')).code).toBe(2)
    expect((await run(['login'], 'hf_unknown123')).code).toBe(1)
  })
})

describe('models', () => {
  it('are found, fetched, listed and removed', async () => {
    expect((await run(['search', 'tiny', '--json'])).json().models).toMatchObject([{ name: NAME, licence: 'mit' }])
    expect((await run(['search', 'tiny', '--sort', 'size'])).code).toBe(2)
    const download = await run(['download', NAME, '--json'])
    expect(download.code).toBe(0)
    expect(readdirSync(download.json().path)).toContain('model.safetensors')
    expect(download.stderr).toContain('download: ')
    expect((await run(['cache', '--json'])).json().repos).toMatchObject([{ name: NAME, type: 'model' }])
    expect((await run(['cache', '--remove', NAME, '--json'])).json().repos).toEqual([])
    expect((await run(['download', '../evil'])).stderr).toContain('owner/name')
  })

  it('are quantized while they download, and uploaded', async () => {
    const out = join(world.root, 'out')
    const quantize = ['quantize', '--hub', NAME, '--out', out, '--nbits', '4', '--group-size', '64', '--json']
    expect((await run(quantize)).json()).toMatchObject({ out, label: '4-bit g64' })
    expect((await run(['quantize', '--out', out, '--nbits', '4', '--group-size', '64'])).code).toBe(2)
    await run(['login'], TOKEN)
    const upload = ['upload', '--model', out, '--repo', 'acme/tiny-hqq']
    const dry = await run([...upload, '--dry-run'])
    expect(dry.stdout).toContain('would be made')
    expect(dry.stdout).toContain('base_model: acme/tiny')
    expect(hub.repos.has('acme/tiny-hqq')).toBe(false)
    expect((await run(upload)).stdout).toContain('(made)')
    expect(hub.repos.get('acme/tiny-hqq')).toMatchObject({ private: true })
  })
})
