/**
 * `npm run bench -- download [MiB]`: one file from the loopback Hub by us and by curl, in turns, each in a process of its own, so that
 * what the machine does meanwhile hits both. Ours hashes, writes in pieces and syncs; curl only writes. Ours is measured twice: the
 * first download of a process, which starts its threads, and the next one, as in an app that runs.
 */
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { startFakeHub } from '../testing/fake-hub.ts'
import { noise, tempFolder } from '../testing/world.ts'

const ROUNDS = 5
const NAME = 'bench/large'
const CLIENT = fileURLToPath(new URL('./download-client.ts', import.meta.url))

/** Seconds. */
const oursSchema = z.object({ first: z.number(), next: z.number() })
const CURL = ['-sSfL', '--noproxy', '*', '-w', '%{time_total}']

const mebibytes = Number(process.argv[2] ?? 1024)
if (!(mebibytes >= 1 && mebibytes < 2048)) throw new RangeError('the size is a number of MiB from 1 to 2047')
const block = noise(2 ** 20, 1)
const hub = await startFakeHub()
hub.add(NAME, { 'model.safetensors': Buffer.concat(Array.from({ length: mebibytes }, () => block)) })
const folder = tempFolder()
const ratios = { first: [] as number[], next: [] as number[] }
try {
  for (let round = 0; round < ROUNDS; round++) {
    const [file, cache] = [join(folder.path, 'curl.bin'), join(folder.path, 'cache')]
    const curl = Number(
      await printedBy('curl', [...CURL, '-o', file, `${hub.endpoint}/${NAME}/resolve/main/model.safetensors`]),
    )
    await rm(file)
    const ours = oursSchema.parse(JSON.parse(await printedBy(process.execPath, [CLIENT, hub.endpoint, cache, NAME])))
    await rm(cache, { recursive: true })
    ratios.first.push(curl / ours.first)
    ratios.next.push(curl / ours.next)
    const rate = (time: number) => `${Math.round(mebibytes / time)} MiB/s`
    const beside = (time: number) => `${rate(time)} (${(curl / time).toFixed(2)} of curl)`
    process.stdout.write(`curl ${rate(curl)}; ours first ${beside(ours.first)}, next ${beside(ours.next)}\n`)
  }
  const median = (all: number[]) => (all.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN).toFixed(2)
  process.stdout.write(
    `median of ${ROUNDS}, ${mebibytes} MiB over loopback: ${median(ratios.first)} of curl first, ${median(ratios.next)} next\n`,
  )
} finally {
  folder.remove()
  await hub.close()
}

/** Runs to the end of the process. Throws when it fails. */
function printedBy(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.on('data', (part) => {
      printed += part
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(printed)
      else reject(new Error(`${command} ended with ${code}`))
    })
  })
}
