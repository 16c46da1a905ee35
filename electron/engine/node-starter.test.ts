import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { engineContract } from '../contract/engine.ts'
import { type Client, createClient } from '../rpc/client.ts'
import { createNodeStarter } from './node-starter.ts'
import type { EngineProcess } from './starter.ts'

const SCRIPT = join(import.meta.dirname, 'testing', 'echo-worker.ts')

let running: EngineProcess | undefined
afterEach(() => running?.kill())

function start(script = SCRIPT): { process: EngineProcess; client: Client<typeof engineContract>; lines: string[] } {
  const process = createNodeStarter({ script, args: ['an argument'] }).start({ gpu: true })
  running = process
  const lines: string[] = []
  process.onOutput((line) => lines.push(line))
  return { process, client: createClient(engineContract, process.wire), lines }
}

describe('node starter', () => {
  it('starts a process that answers, with its arguments and its output piped', async () => {
    const { process, client, lines } = start()
    await expect(client.call('engine.info', {})).resolves.toMatchObject({ cores: expect.any(Number) })
    expect(process.pid).toBeGreaterThan(0)
    await expect.poll(() => lines).toContain('started with an argument')
  })

  it.each(['SEGV', 'KILL', 'ABRT'] as const)('loses the connection when the process dies of SIG%s', async (signal) => {
    const { process, client } = start()
    const detail = new Promise((resolve) => process.onExit(resolve))
    await expect(client.call('debug.crash', { signal })).rejects.toMatchObject({ code: 'connection-lost' })
    await expect(detail).resolves.toBe(`signal SIG${signal}`)
  })

  it('kills on request', async () => {
    const { process, client } = start()
    await client.call('engine.info', {})
    const detail = new Promise((resolve) => process.onExit(resolve))
    process.kill()
    await expect(detail).resolves.toBe('signal SIGKILL')
  })

  it('tells of a script that is not there', async () => {
    const { process, client, lines } = start(join(import.meta.dirname, 'no-such-worker.js'))
    const detail = new Promise((resolve) => process.onExit(resolve))
    await expect(client.call('engine.info', {})).rejects.toMatchObject({ code: 'connection-lost' })
    await expect(detail).resolves.toBe('exit code 1')
    await expect.poll(() => lines.join('\n')).toContain('no-such-worker')
  })
})
