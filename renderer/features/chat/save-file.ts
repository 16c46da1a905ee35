import { downloadText } from '../../ui/download.ts'
import type { ExportedChat } from './export-chat.ts'

/** Hands a text to the browser as a download. */
export function saveFile({ fileName, mimeType, content }: ExportedChat): void {
  downloadText(fileName, content, mimeType)
}
