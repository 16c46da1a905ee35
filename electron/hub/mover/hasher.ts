/** Hashes a file in a thread of its own while it is written. */
import type { Follower } from '../hash-follower.ts'
import type { HasherData, HasherReply, HasherRequest } from './messages.ts'
import type { Threads } from './threads.ts'

export function startHasher(threads: Threads, data: HasherData): Follower {
  let finishing: { resolve(matches: boolean): void; reject(error: unknown): void } | null = null
  const thread = threads.open<HasherRequest, HasherReply>(
    data,
    ({ matches }) => finishing?.resolve(matches),
    (error) => finishing?.reject(error),
  )
  return {
    stored: (chunk) => thread.tell({ kind: 'stored', chunk }),
    finish: () =>
      new Promise((resolve, reject) => {
        thread.check()
        finishing = { resolve, reject }
        thread.tell({ kind: 'finish' })
      }),
    close: thread.close,
  }
}
