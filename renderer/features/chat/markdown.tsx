/** Markdown written by a model, as it grows. */
import { memo } from 'react'
import { SafeMarkdown } from '../../ui/safe-markdown.tsx'
import { CodeBlock } from './code-block.tsx'
import { asCodeFence, splitBlocks } from './markdown-blocks.ts'

const MarkdownBlock = memo(function MarkdownBlock({ text }: { text: string }) {
  const fence = asCodeFence(text)
  if (fence !== null) return <CodeBlock {...fence} />
  return (
    <div>
      <SafeMarkdown text={text} />
    </div>
  )
})

/** The text, block by block: a block whose text is the same as before is not rendered again. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className="markdown">
      {splitBlocks(text).map((block, index) => (
        // Text only ever grows at its end, so the place of a block is its identity.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <MarkdownBlock key={index} text={block} />
      ))}
    </div>
  )
})
