import { describe, expect, it } from 'vitest'
import { createJobQueue } from './job-queue.ts'

/** A job that ends when told to. */
function heldJob(order: string[], name: string) {
  let finish = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const job = async () => {
    order.push(name)
    await held
    return name
  }
  return { job, finish: () => finish() }
}

const never = new AbortController().signal
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('job queue', () => {
  it('runs one at a time, in order', async () => {
    const queue = createJobQueue()
    const order: string[] = []
    const [a, b] = [heldJob(order, 'a'), heldJob(order, 'b')]
    const answers = Promise.all([queue.run(never, a.job), queue.run(never, b.job)])
    await turn()
    expect(order).toEqual(['a'])
    a.finish()
    b.finish()
    await expect(answers).resolves.toEqual(['a', 'b'])
    expect(order).toEqual(['a', 'b'])
  })

  it('goes on after a failure', async () => {
    const queue = createJobQueue()
    const failed = queue.run(never, () => Promise.reject(new Error('broken')))
    const next = queue.run(never, () => Promise.resolve('next'))
    await expect(failed).rejects.toThrow('broken')
    await expect(next).resolves.toBe('next')
  })

  it('lets a waiting job be cancelled without disturbing the order', async () => {
    const queue = createJobQueue()
    const order: string[] = []
    const [a, b, c] = [heldJob(order, 'a'), heldJob(order, 'b'), heldJob(order, 'c')]
    const controller = new AbortController()
    const first = queue.run(never, a.job)
    const second = queue.run(controller.signal, b.job)
    const third = queue.run(never, c.job)
    controller.abort()
    await expect(second).rejects.toMatchObject({ code: 'cancelled' })
    await turn()
    expect(order).toEqual(['a'])
    a.finish()
    c.finish()
    await Promise.all([first, third])
    expect(order).toEqual(['a', 'c'])
  })

  it('refuses what would wait behind too many', async () => {
    const queue = createJobQueue()
    const held = heldJob([], 'held')
    const running = queue.run(never, held.job)
    await turn()
    const waiting = Array.from({ length: 8 }, () => queue.run(never, () => Promise.resolve()))
    await expect(queue.run(never, () => Promise.resolve())).rejects.toMatchObject({ code: 'busy' })
    held.finish()
    await Promise.all([running, ...waiting])
    await expect(queue.run(never, () => Promise.resolve(1))).resolves.toBe(1)
  })
})
