/** Pictures that a person drops, pastes or picks: sent to the app, which keeps them under the hash of their bytes. */
import { AppError } from '../../electron/contract/errors.ts'
import type { StoredImage } from '../../electron/contract/vision.ts'
import type { AppClient } from './connection.ts'

/** What file pickers offer. Others can be dropped; the app then says what is wrong with them. */
export const PICTURE_TYPES = '.png,.jpg,.jpeg,.webp'

/** A message to the app holds 16 MiB, and base64 takes a third more than the bytes. */
export const MAX_PICTURE_BYTES = 11 * 1024 * 1024

/** Throws an AppError for what is no picture, is damaged or too large. */
export async function addPicture(client: AppClient, file: File): Promise<StoredImage> {
  if (file.size > MAX_PICTURE_BYTES) {
    throw new AppError(
      'bad-file',
      `${file.name} has ${(file.size / 1e6).toFixed(0)} MB; pictures of up to ${(MAX_PICTURE_BYTES / 1e6).toFixed(0)} MB can be dropped. Choose the folder it is in instead, or make it smaller.`,
    )
  }
  const base64 = await base64Of(file)
  return client.call('images.add', { source: { kind: 'data', name: file.name.slice(-255), base64 } })
}

function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onerror = () => reject(new AppError('bad-file', `${file.name} cannot be read. Was it moved?`))
    // `data:image/png;base64,` and the bytes; a folder or an empty file has none.
    reader.onload = () => resolve(String(reader.result).split(',')[1] ?? '')
    reader.readAsDataURL(file)
  })
}

/** The files of a drop or a paste; empty for text. */
export function filesIn(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])]
}
