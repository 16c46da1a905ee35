/** Cuts what a process writes into lines. */
import { createInterface } from 'node:readline'

export function forEachLine(stream: NodeJS.ReadableStream | null, listener: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', listener)
}
