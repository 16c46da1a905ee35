/** A process that counts in a store as often as its last argument says. Says "ready" and waits for a message to begin. */
import { z } from 'zod'
import { openJsonStore } from '../json-store.ts'

const countsSchema = z.object({ sum: z.number() }).catchall(z.number())
const [path = '', name = '', times = '0'] = process.argv.slice(2)
const store = await openJsonStore({ path, schema: countsSchema, fallback: () => ({ sum: 0 }) })
process.once('message', () => void count())
process.send?.('ready')

async function count(): Promise<void> {
  for (let n = 1; n <= Number(times); n++) {
    await store.update((counts) => ({ ...counts, [name]: n, sum: counts.sum + 1 }))
  }
  process.disconnect?.()
}
