/** Configurations as files: the same JSON that the command line takes as `--config`. */
import { AppError } from '../../../electron/contract/errors.ts'
import { type QuantConfig, quantConfigSchema } from '../../../electron/contract/quant.ts'

/** Larger files cannot be configurations; reading them would only freeze the page. */
const MAX_BYTES = 4 * 2 ** 20

/** Throws `bad-input` with the place that is wrong. */
export async function readConfigFile(file: File): Promise<QuantConfig> {
  if (file.size > MAX_BYTES) throw new AppError('bad-input', `${file.name} is too large to be a configuration.`)
  return parseConfig(await file.text(), file.name)
}

export function parseConfig(text: string, fileName: string): QuantConfig {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (thrown) {
    throw new AppError('bad-input', `${fileName} is not JSON.`, undefined, { cause: thrown })
  }
  const parsed = quantConfigSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.join('.') || 'the file'
  throw new AppError('bad-input', `${fileName} is not a configuration: at ${place}: ${issue?.message ?? 'unreadable'}.`)
}
