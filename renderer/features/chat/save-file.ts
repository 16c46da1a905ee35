import type { ExportedChat } from './export-chat.ts'

/** Hands a text to the browser as a download. */
export function saveFile({ fileName, mimeType, content }: ExportedChat): void {
  const url = URL.createObjectURL(new Blob([content], { type: mimeType }))
  const link = document.createElement('a')
  link.href = url
  link.download = fileName
  link.click()
  // The download has begun by then; without this the text stays in memory.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
