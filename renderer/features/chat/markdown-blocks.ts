/**
 * Cuts Markdown into top-level blocks, so that while text streams in only the last block is parsed again and the finished
 * ones keep their elements. The cut is conservative: where it is unsure two blocks stay one, which costs time, not meaning.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})(.*)$/
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/
const INDENTED = /^(?: {2,}|\t)/
const LINK_DEFINITION = /^ {0,3}\[[^\]]+\]:\s*\S/

interface Fence {
  marker: string
  length: number
}

function fenceOf(line: string): Fence | null {
  const match = FENCE.exec(line)
  const run = match?.[1]
  if (run === undefined) return null
  const marker = run.charAt(0)
  // A backtick in the info string means inline code, not a fence (CommonMark 4.5).
  if (marker === '`' && match?.[2]?.includes('`')) return null
  return { marker, length: run.length }
}

function closes(open: Fence, line: string): boolean {
  const fence = fenceOf(line)
  return fence !== null && fence.marker === open.marker && fence.length >= open.length && /^\s*[`~]+\s*$/.test(line)
}

/** Whether `line`, the first after a blank line, still belongs to a block that began with `first`. */
function continues(first: string, line: string): boolean {
  return LIST_ITEM.test(first) && (LIST_ITEM.test(line) || INDENTED.test(line))
}

/** The blocks of `text` in order; joined with blank lines they mean the same. Link definitions are added to every block. */
export function splitBlocks(text: string): string[] {
  const blocks: string[][] = []
  const definitions: string[] = []
  let current: string[] = []
  let fence: Fence | null = null
  let afterBlank = false

  function finish(): void {
    if (current.length > 0) blocks.push(current)
    current = []
  }

  for (const line of text.split('\n')) {
    if (fence !== null) {
      current.push(line)
      if (closes(fence, line)) {
        fence = null
        if (!LIST_ITEM.test(current[0] ?? '')) finish()
      }
      continue
    }
    if (line.trim() === '') {
      afterBlank = true
      continue
    }
    if (afterBlank && current.length > 0) {
      if (continues(current[0] ?? '', line)) current.push('')
      else finish()
    }
    afterBlank = false
    const opened = fenceOf(line)
    if (opened !== null) {
      if (!LIST_ITEM.test(current[0] ?? '')) finish()
      fence = opened
    }
    if (LINK_DEFINITION.test(line)) definitions.push(line)
    current.push(line)
  }
  finish()
  const tail = definitions.length > 0 ? `\n\n${definitions.join('\n')}` : ''
  return blocks.map((lines) => lines.join('\n') + tail)
}

export interface CodeFence {
  language: string
  code: string
}

/** The block as one fenced code block, closed or still open; null when it is anything else. */
export function asCodeFence(block: string): CodeFence | null {
  const lines = block.split('\n')
  const opening = lines[0] ?? ''
  const fence = fenceOf(opening)
  if (fence === null) return null
  const last = lines.length - 1
  const closed = last > 0 && closes(fence, lines[last] ?? '')
  const end = closed ? last : lines.length
  const body = lines.slice(1, end)
  if (body.some((line) => closes(fence, line))) return null
  const language = opening.trim().slice(fence.length).trim().split(/\s+/, 1)[0] ?? ''
  return { language, code: body.join('\n') }
}
