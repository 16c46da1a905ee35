/** `npm run cli -- COMMAND`: sets up what is missing, then runs the command line in this process. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OUT } from './paths.mjs'
import { prepare } from './prepare.mjs'
import { main } from './say.mjs'

await main(async () => {
  await prepare({ window: false })
  const entry = join(OUT, 'cli.js')
  process.argv[1] = entry
  await import(pathToFileURL(entry).href)
  return process.exitCode
})
