/**
 * `npm run bench -- download [MiB]`: one file from the loopback Hub by us and by curl, in turns, each in a process of its own, so that
 * what the machine does meanwhile hits both. Ours hashes, writes in pieces and syncs; curl only writes.
 */
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startFakeHub } from '../testing/fake-hub.ts'
import { noise, tempFolder } from '../testing/world.ts'

const ROUNDS = 5
const NAME = 'bench/large'
const CLIENT = fileURLToPath(new URL('./download-client.ts', import.meta.url))

const CURL = ['-sSfL', '--noproxy', '*', '-w', '%{time_total}']

const mebibytes = Number(process.argv[2] ?? 1024)
if (!(mebibytes >= 1 && mebibytes < 2048)) throw new RangeError('the size is a number of MiB from 1 to 2047')
const block = noise(2 ** 20, 1)
const hub = await startFakeHub()
hub.add(NAME, { 'model.safetensors': Buffer.concat(Array.from({ length: mebibytes }, () => block)) })
const folder = tempFolder()
const ratios: number[] = []
try {
  for (let round = 0; round < ROUNDS; round++) {
    const [file, cache] = [join(folder.path, 'curl.bin'), join(folder.path, 'cache')]
    const curl = await seconds('curl', [...CURL, '-o', file, `${hub.endpoint}/${NAME}/resolve/main/model.safetensors`])
    await rm(file)
    const ours = await seconds(process.execPath, [CLIENT, hub.endpoint, cache, NAME])
    await rm(cache, { recursive: true })
    ratios.push(curl / ours)
    const rate = (time: number) => `${Math.round(mebibytes / time)} MiB/s`
    process.stdout.write(`curl ${rate(curl)}, ours ${rate(ours)}: ${(curl / ours).toFixed(2)} of curl\n`)
  }
  const median = ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
  process.stdout.write(`median of ${ROUNDS}: ${median.toFixed(2)} of curl, ${mebibytes} MiB over loopback\n`)
} finally {
  folder.remove()
  await hub.close()
}

/** Runs to the end of the process and gives what it printed last: seconds. Throws when it fails. */
function seconds(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.on('data', (part) => {
      printed += part
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(Number(printed))
      else reject(new Error(`${command} ended with ${code}`))
    })
  })
}
