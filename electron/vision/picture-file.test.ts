import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { pictureInfo, readPicture, readPictureFile, thumbnail } from './picture-file.ts'

const DATA = join(import.meta.dirname, 'testing', 'data')
const picture = (name: string) => readFileSync(join(DATA, name))

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length)
  frame.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)])
}

/** A whole PNG of zeros, a few kilobytes whatever its size, optionally with more chunks before the pixels. */
function png(width: number, height: number, before: Buffer[] = []): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([1, 0], 8)
  const rows = deflateSync(Buffer.alloc(Math.min(1e6, height * (1 + Math.ceil(width / 8)))))
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...before,
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

describe('pictures of strangers', () => {
  it('are measured the right way up', async () => {
    expect(await pictureInfo(picture('wide.jpg'), 'wide')).toEqual({ format: 'jpeg', width: 200, height: 133 })
    expect(await pictureInfo(picture('turned.jpg'), 'turned')).toMatchObject({ width: 133, height: 200 })
    const read = await readPicture(picture('turned.jpg'), 'turned')
    expect([read.width, read.height, read.data.length]).toEqual([133, 200, 133 * 200 * 3])
  })

  it('are small as thumbnails, and never larger than they are', async () => {
    expect(await thumbnail(picture('wide.jpg'), 'wide', 64)).toMatchObject({ width: 64, height: 42 })
    expect(await thumbnail(picture('small.png'), 'small', 1024)).toMatchObject({ width: 31, height: 40 })
  })

  it.each([
    ['cut off', picture('wide.jpg').subarray(0, 2000)],
    ['cut off in the header', picture('small.png').subarray(0, 20)],
    ['garbled', Buffer.concat([picture('tall.webp').subarray(0, 40), Buffer.alloc(4000, 0x5a)])],
  ])('that are %s are damaged', async (_, bytes) => {
    await expect(readPicture(Buffer.from(bytes), 'it')).rejects.toMatchObject({ code: 'bad-file' })
  })

  it('that unpack to gigabytes are refused by their header, at once', async () => {
    const before = process.memoryUsage().rss
    for (const [width, height] of [
      [60_000, 60_000],
      [2_147_483_647, 2],
      [9000, 9000],
    ] as const) {
      await expect(readPicture(png(width, height), 'bomb.png')).rejects.toMatchObject({ code: 'bad-file' })
    }
    await expect(readPicture(png(9000, 9000), 'bomb.png')).rejects.toThrow(/claims 9000 x 9000 pixels/)
    expect(process.memoryUsage().rss - before).toBeLessThan(400e6)
  })

  it('that move are refused', async () => {
    const frames = await Promise.all([0, 255].map((shade) => frame(shade)))
    const webp = await sharp(frames, { join: { animated: true } })
      .webp({ loop: 0, delay: [50, 50] })
      .toBuffer()
    await expect(readPicture(webp, 'moving.webp')).rejects.toMatchObject({ code: 'unsupported' })
    const animation = chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))
    await expect(readPicture(png(8, 8, [animation]), 'moving.png')).rejects.toThrow(/animation/)
    await expect(readPicture(png(8, 8), 'still.png')).resolves.toMatchObject({ width: 8 })
  })

  it.each([
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ['a GIF', 'GIF89a'],
    ['a PDF', '%PDF-1.4'],
    ['nothing', ''],
  ])('that are %s reach no decoder', async (_, text) => {
    await expect(readPicture(Buffer.from(text), 'it')).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('that are not there, or are no files, are said to be so', async () => {
    await expect(readPictureFile(join(DATA, 'none.png'))).rejects.toMatchObject({ code: 'not-found' })
    await expect(readPictureFile(DATA)).rejects.toMatchObject({ code: 'bad-input' })
  })
})

function frame(shade: number): Promise<Buffer> {
  const background = { r: shade, g: shade, b: shade }
  return sharp({ create: { width: 8, height: 8, channels: 3, background } })
    .png()
    .toBuffer()
}
