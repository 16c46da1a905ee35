/** `npm run setup`: everything that `npm start` prepares, without starting. */
import { prepare } from './prepare.mjs'
import { main } from './say.mjs'

await main(() => prepare())
