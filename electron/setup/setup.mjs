/** `npm run setup [-- --cuda | --cpu]`: everything that `npm start` prepares, without starting. */
import { parseArgs } from 'node:util'
import { cudaChoice } from './cuda.mjs'
import { prepare } from './prepare.mjs'
import { main, SetupError } from './say.mjs'

await main(() => prepare({ cuda: cudaChoice(readOptions()) }))

function readOptions() {
  try {
    return parseArgs({ options: { cuda: { type: 'boolean' }, cpu: { type: 'boolean' } } }).values
  } catch (error) {
    throw new SetupError(`${error.message}\nUsage: npm run setup [-- --cuda | --cpu]`)
  }
}
