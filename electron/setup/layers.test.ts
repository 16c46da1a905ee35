import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsUnder, violationsOf } from './layer-violations.ts'

const ROOT = resolve(import.meta.dirname, '../..')

describe('layers', () => {
  it('are kept by every import of the source', () => {
    const imports = importsUnder(ROOT, ['electron', 'renderer'])
    expect(imports.length).toBeGreaterThan(100)
    expect(violationsOf(imports)).toEqual([])
  })

  it.each([
    ['electron/contract/app.ts', 'node:fs'],
    ['electron/contract/app.ts', '../rpc/wire.ts'],
    ['electron/rpc/server.ts', 'react'],
    ['electron/plan/memory.ts', '../services/models.ts'],
    ['electron/services/jobs.ts', 'electron'],
    ['electron/services/jobs.ts', 'ws'],
    ['electron/services/jobs.ts', '../engine/node-starter.ts'],
    ['electron/web.ts', './engine/addon.ts'],
    ['electron/platform/node.ts', 'electron'],
    ['renderer/features/chat/page.tsx', '../jobs/store.ts'],
    ['renderer/features/chat/page.tsx', '../../../electron/services/jobs.ts'],
    ['renderer/ui/button.tsx', '../features/chat/page.tsx'],
    ['renderer/client/connect.ts', 'node:net'],
  ])('refuse that %s imports %s', (from, target) => {
    expect(violationsOf([{ from, target }])).toHaveLength(1)
  })

  it.each([
    ['electron/services/jobs.ts', '../contract/domain.ts'],
    ['electron/worker.ts', './engine/addon.ts'],
    ['electron/window/window.ts', 'electron'],
    ['renderer/features/chat/page.tsx', '../../ui/button.tsx'],
    ['renderer/features/chat/page.tsx', './store.ts'],
    ['renderer/client/connect.ts', '../../electron/rpc/client.ts'],
  ])('allow that %s imports %s', (from, target) => {
    expect(violationsOf([{ from, target }])).toEqual([])
  })
})
