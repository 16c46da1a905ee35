/** No test reaches the real Hub or a person's own cache and token, unless it brings a Hub of its own. */
import { dirname, join } from 'node:path'

export function withoutHub(dataDir: string): Record<string, string> {
  const home = join(dirname(dataDir), 'huggingface')
  return { HF_ENDPOINT: 'http://127.0.0.1:9', HF_HOME: home, HF_HUB_CACHE: '', HF_TOKEN: '', HF_TOKEN_PATH: '' }
}
