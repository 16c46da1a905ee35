/** The page's policy allows no eval, which zod otherwise probes for. Imported first: schemas ask when they are made. */
import { z } from 'zod'

z.config({ jitless: true })
