/**
 * Opens pictures that strangers made: PNG, JPEG and WebP, told by their first bytes, so that no other reader of the library ever
 * sees a file. Sizes are checked in the header before anything is unpacked, and memory is bounded by them.
 */
import { open } from 'node:fs/promises'
import type { Sharp } from 'sharp'
import { AppError } from '../contract/errors.ts'
import type { RgbPicture } from './resample.ts'

/** 8000 x 8000: three bytes each while a picture is read. */
export const MAX_PIXELS = 64_000_000
const MAX_FILE_BYTES = 128 * 1024 * 1024
const READ_SECONDS = 60

/** Sizes are those of the picture the right way up. */
export interface PictureInfo {
  format: 'png' | 'jpeg' | 'webp'
  width: number
  height: number
}

/** The bytes of a file. Throws `not-found`, `bad-file` for one that is too large. */
export async function readPictureFile(path: string): Promise<Buffer> {
  const file = await open(path).catch((cause) => {
    throw new AppError('not-found', `The picture ${path} cannot be read. Check the name.`, undefined, { cause })
  })
  try {
    const info = await file.stat()
    if (!info.isFile()) throw new AppError('bad-input', `${path} is not a file.`)
    if (info.size > MAX_FILE_BYTES) {
      throw new AppError('bad-file', `${path} has ${info.size} bytes; pictures of up to ${MAX_FILE_BYTES} are read.`)
    }
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** What the header says. Throws as readPicture. */
export async function pictureInfo(bytes: Buffer, name: string): Promise<PictureInfo> {
  const format = formatOf(bytes)
  if (format === null) {
    throw new AppError('unsupported', `${name} is no PNG, JPEG or WebP picture. Convert it first.`)
  }
  // Without a limit of its own, so that what is said of an enormous picture is that, and not that it is damaged.
  const { width, height, pages, orientation } = await asked(bytes, name, (picture) => picture.metadata(), false)
  if ((pages ?? 1) > 1 || (format === 'png' && isAnimatedPng(bytes))) {
    throw new AppError('unsupported', `${name} is an animation. Save one of its pictures by itself.`)
  }
  if (width * height > MAX_PIXELS) {
    throw new AppError(
      'bad-file',
      `${name} claims ${width} x ${height} pixels; up to ${MAX_PIXELS / 1e6} million are read. Make it smaller first.`,
    )
  }
  const turned = (orientation ?? 1) >= 5
  return { format, width: turned ? height : width, height: turned ? width : height }
}

/**
 * The whole picture the right way up, without transparency (what lies under it shows) and without colour profile, as the Python
 * libraries read it. Throws `unsupported` for another format or an animation, `bad-file` for a damaged or enormous one.
 */
export async function readPicture(bytes: Buffer, name: string): Promise<RgbPicture> {
  await pictureInfo(bytes, name)
  const { data, info } = await asked(bytes, name, (picture) =>
    picture.autoOrient().removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({
      resolveWithObject: true,
    }),
  )
  if (info.channels !== 3) throw new AppError('bad-file', `${name} has no red, green and blue.`)
  return { width: info.width, height: info.height, data }
}

/** Fitted into size x size, as WebP. */
export async function thumbnail(bytes: Buffer, name: string, size: number) {
  await pictureInfo(bytes, name)
  return asked(bytes, name, async (picture) => {
    const { data, info } = await picture
      .autoOrient()
      .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer({ resolveWithObject: true })
    return { bytes: data, width: info.width, height: info.height }
  })
}

/** `read` with the picture opened; what goes wrong in it is the picture's fault. */
async function asked<T>(
  bytes: Buffer,
  name: string,
  read: (picture: Sharp) => Promise<T>,
  limitInputPixels: number | false = MAX_PIXELS,
): Promise<T> {
  const sharp = await decoder()
  try {
    return await read(
      sharp(bytes, { failOn: 'error', limitInputPixels, ignoreIcc: true }).timeout({ seconds: READ_SECONDS }),
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new AppError('bad-file', `${name} is damaged and cannot be read (${reason}).`, undefined, { cause })
  }
}

/** Loaded with the first picture: most sessions see none, and the rest works without its native code. */
async function decoder() {
  try {
    const { default: sharp } = await import('sharp')
    // Each picture is read once; kept ones would only hold memory.
    sharp.cache(false)
    return sharp
  } catch (cause) {
    throw new AppError('unsupported', 'The reader of pictures (sharp) is not installed for this system.', undefined, {
      cause,
    })
  }
}

function formatOf(bytes: Buffer): PictureInfo['format'] | null {
  if (bytes.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n') return 'png'
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  const isWebp =
    bytes.subarray(0, 4).toString('latin1') === 'RIFF' && bytes.subarray(8, 12).toString('latin1') === 'WEBP'
  return isWebp ? 'webp' : null
}

/** libvips reads the first picture of an animated PNG as if it were all; the animation's chunk comes before the pixels. */
function isAnimatedPng(bytes: Buffer): boolean {
  for (let at = 8; at + 8 <= bytes.length; ) {
    const type = bytes.subarray(at + 4, at + 8).toString('latin1')
    if (type === 'acTL') return true
    if (type === 'IDAT') return false
    at += 12 + bytes.readUInt32BE(at)
  }
  return false
}
