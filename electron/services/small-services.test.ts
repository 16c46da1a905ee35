import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Measurement } from '../contract/domain.ts'
import { APP_VERSION } from '../contract/version.ts'
import { quantize } from '../plan/choices.ts'
import { closeWorlds, createWorld, makeTinyModel, type World } from './testing/world.ts'

afterEach(closeWorlds)

describe('the greeting', () => {
  it('describes the host and refuses a page of another version', async () => {
    const world = await createWorld()
    const hello = await world.client.call('app.hello', { appVersion: APP_VERSION })
    expect(hello).toMatchObject({ host: 'web', hasDialogs: false, canReveal: false, dataDir: world.dataDir })
    await expect(world.client.call('app.hello', { appVersion: '0.0.0' })).rejects.toMatchObject({
      code: 'version-mismatch',
    })
  })
})

describe('settings', () => {
  it('have defaults, are checked, and survive', async () => {
    const world = await createWorld()
    expect(await world.client.call('settings.get', {})).toMatchObject({ theme: 'system', contextLength: 2048 })
    await world.client.call('settings.set', { theme: 'dark', threads: 1 })
    // The engine is told.
    expect((await world.app.services.machine.machine()).threads).toBe(1)
    await expect(world.client.call('settings.set', { contextLength: 1 })).rejects.toMatchObject({ code: 'bad-input' })
    // What is not named stays.
    await world.client.call('settings.set', { contextLength: 512 })
    await world.close()
    const next = await createWorld({ root: world.root })
    expect(await next.client.call('settings.get', {})).toMatchObject({ theme: 'dark', threads: 1, contextLength: 512 })
    expect((await next.app.services.machine.machine()).threads).toBe(1)
  })

  it('refuse a model folder that cannot be made', async () => {
    const world = await createWorld()
    writeFileSync(join(world.root, 'file'), '')
    const outputDir = join(world.root, 'file', 'models')
    await expect(world.client.call('settings.set', { outputDir })).rejects.toMatchObject({ code: 'io' })
    expect((await world.client.call('settings.get', {})).outputDir).toBeNull()
  })

  it('that cannot be read are put aside and the app starts', async () => {
    const first = await createWorld()
    await first.close()
    writeFileSync(join(first.dataDir, 'settings.json'), 'no json')
    const world = await createWorld({ root: first.root })
    expect(await world.client.call('settings.get', {})).toMatchObject({ theme: 'system' })
  })
})

describe('two programs on one data folder', () => {
  it('do not overwrite what the other saved', async () => {
    const window = await createWorld()
    const cli = await createWorld({ root: window.root, host: 'cli' })
    const config = { base: quantize(4, 32), rules: [], computeDtype: 'float16' as const }
    const save = (world: World, name: string) =>
      Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          world.client.call('presets.save', { name: `${name} ${n}`, description: '', config }),
        ),
      )
    await Promise.all([
      save(window, 'window'),
      save(cli, 'cli'),
      window.client.call('settings.set', { theme: 'dark' }),
      cli.client.call('settings.set', { contextLength: 512 }),
    ])
    await window.close()
    await cli.close()
    const next = await createWorld({ root: window.root })
    const { presets } = await next.client.call('presets.list', {})
    expect(presets.filter((preset) => !preset.builtIn)).toHaveLength(10)
    expect(await next.client.call('settings.get', {})).toMatchObject({ theme: 'dark', contextLength: 512 })
  })

  it('both keep their measurements of one model', async () => {
    const window = await createWorld()
    const cli = await createWorld({ root: window.root, host: 'cli' })
    const measurement = (protocolKey: string): Measurement => ({
      id: protocolKey,
      modelId: 'one',
      metric: 'perplexity',
      value: 2,
      unit: '',
      protocol: {},
      protocolKey,
      memory: null,
      seconds: 1,
      engineVersion: '1',
      at: '',
    })
    const keys = Array.from({ length: 12 }, (_, n) => `protocol-${n}`)
    await Promise.all(
      keys.map((key, n) => (n % 2 === 0 ? window : cli).app.services.measurements.add('one', [measurement(key)])),
    )
    const { measurements } = await window.app.services.measurements.of('one')
    expect(measurements.map(({ protocolKey }) => protocolKey).sort()).toEqual(keys.sort())
  })
})

describe('presets', () => {
  it('are the built-in ones and those that were saved', async () => {
    const world = await createWorld()
    const config = { base: quantize(4, 32), rules: [], computeDtype: 'float16' as const }
    const saved = await world.client.call('presets.save', { name: 'Mine', description: '', config })
    await world.client.call('presets.save', { id: saved.id, name: 'Mine too', description: '', config })
    const { presets } = await world.client.call('presets.list', {})
    expect(presets.filter((preset) => !preset.builtIn).map((preset) => preset.name)).toEqual(['Mine too'])
    await expect(world.client.call('presets.remove', { id: '4-bit' })).rejects.toMatchObject({ code: 'not-allowed' })
    await world.client.call('presets.remove', { id: saved.id })
    expect((await world.client.call('presets.list', {})).presets.every((preset) => preset.builtIn)).toBe(true)
  })
})

describe('the file list', () => {
  it('shows folders first, marks models, leaves hidden names out', async () => {
    const world = await createWorld()
    const shelf = join(world.root, 'shelf')
    makeTinyModel(join(shelf, 'model'))
    mkdirSync(join(shelf, '.hidden'))
    mkdirSync(join(shelf, 'zoo'))
    writeFileSync(join(shelf, 'a.txt'), 'abc')
    const list = (pick: 'file' | 'folder') => world.client.call('files.list', { path: shelf, pick })
    expect(await list('file')).toMatchObject({
      parent: world.root,
      entries: [
        { name: 'model', kind: 'folder', isModel: true },
        { name: 'zoo', kind: 'folder', isModel: false },
        { name: 'a.txt', kind: 'file', bytes: 3 },
      ],
    })
    expect((await list('folder')).entries).toHaveLength(2)
    expect((await world.client.call('files.list', { path: null, pick: 'folder' })).path).not.toBe('')
    const nowhere = { path: join(shelf, 'a.txt'), pick: 'folder' as const }
    await expect(world.client.call('files.list', nowhere)).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('the engine', () => {
  it('is started by watching it, and a death is seen', async () => {
    const world = await createWorld()
    const states: string[] = []
    const stop = new AbortController()
    const ready = Promise.withResolvers<void>()
    const again = Promise.withResolvers<void>()
    const watching = world.client.stream(
      'engine.watch',
      {},
      {
        signal: stop.signal,
        onEvent({ state, deaths }) {
          states.push(state)
          if (state === 'ready') (deaths === 0 ? ready : again).resolve()
        },
      },
    )
    await ready.promise
    world.starter.crash()
    await again.promise
    stop.abort()
    await watching
    expect(states).toContain('restarting')
  })
})

describe('estimates', () => {
  it('are those of the plan with this machine filled in', async () => {
    const world = await createWorld({ memoryBytes: 1e9 })
    const config = { base: quantize(1, 8), rules: [], computeDtype: 'float16' as const }
    const estimate = await world.client.call('quantize.estimate', { modelId: 'demo', config, contextLength: 128 })
    expect(estimate.contextLength).toBe(128)
    expect(estimate.runFit.verdict).toBe('fits')
    expect(estimate.warnings.join()).toContain('1-bit g8')
  })
})
