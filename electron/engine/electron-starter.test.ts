import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { UtilityProcess } from 'electron'
import { describe, expect, it } from 'vitest'
import { createElectronStarter } from './electron-starter.ts'

function createFake() {
  const child = Object.assign(new EventEmitter(), {
    pid: undefined,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    posted: [] as unknown[],
    killed: 0,
    postMessage(message: unknown) {
      child.posted.push(message)
    },
    kill() {
      child.killed++
      return true
    },
  })
  const forks: unknown[][] = []
  const starter = createElectronStarter({
    utilityProcess: {
      fork(...args: unknown[]) {
        forks.push(args)
        // Only the members that the starter uses.
        return child as unknown as UtilityProcess
      },
    },
    script: '/out/worker.js',
    args: ['/out/hqq_engine.node'],
  })
  return { child, forks, starter, process: starter.start({ gpu: true }) }
}

describe('electron starter', () => {
  it('forks the worker under a name of its own with its output piped', async () => {
    const { child, forks, process } = createFake()
    expect(forks).toEqual([
      [
        '/out/worker.js',
        ['/out/hqq_engine.node'],
        { serviceName: 'HQQ Engine', stdio: ['ignore', 'pipe', 'pipe'], env: globalThis.process.env },
      ],
    ])
    const lines: string[] = []
    process.onOutput((line) => lines.push(line))
    child.stderr.write('one\ntwo\n')
    await expect.poll(() => lines).toEqual(['one', 'two'])
  })

  it('keeps the worker away from GPUs when told to', () => {
    const { forks, starter } = createFake()
    starter.start({ gpu: false })
    expect(forks[1]?.[2]).toMatchObject({ env: { HQQ_CUDA: 'off' } })
  })

  it('posts nothing once the exit is known, and tells of it on a later tick', async () => {
    const { child, process } = createFake()
    let told = false
    process.onExit(() => {
      told = true
      process.wire.send('from the exit listener')
    })
    child.emit('exit', 0)
    expect(told).toBe(false)
    await expect.poll(() => told).toBe(true)
    process.wire.send('late')
    expect(child.posted).toEqual([])
  })

  it('asks Electron to kill a process that has no id yet', () => {
    const { child, process } = createFake()
    process.kill()
    expect(child.killed).toBe(1)
  })
})
