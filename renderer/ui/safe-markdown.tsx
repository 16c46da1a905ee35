/**
 * Markdown of strangers: of a model, or of a card on the Hub. It is not trusted: raw HTML stays text, the rest is sanitised, images
 * become links (loading one would tell a stranger that it was read), links open outside.
 */
import type { ComponentProps } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import rehypeSanitize from 'rehype-sanitize'
import remarkGfm from 'remark-gfm'
import './markdown.css'

const remarkPlugins = [remarkGfm]
const rehypePlugins = [rehypeSanitize]

const components: Components = {
  a: ({ href, children }) => <OutsideLink href={href}>{children}</OutsideLink>,
  img: ({ src, alt }) => <OutsideLink href={typeof src === 'string' ? src : undefined}>{alt || 'image'}</OutsideLink>,
  table: ({ children }) => (
    // Scrolls by keyboard too, which a region must be focusable for.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable region
    <section className="overflow-x-auto" tabIndex={0} aria-label="Table">
      <table>{children}</table>
    </section>
  ),
  pre: ({ children }) => (
    <pre className="my-3 overflow-x-auto rounded-md bg-sunken p-3 font-mono text-sm">{children}</pre>
  ),
}

function OutsideLink({ href, children }: ComponentProps<'a'>) {
  return (
    <a href={href} target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  )
}

/** To stand inside an element of class `markdown`. */
export function SafeMarkdown({ text }: { text: string }) {
  return (
    <ReactMarkdown remarkPlugins={remarkPlugins} rehypePlugins={rehypePlugins} components={components}>
      {text}
    </ReactMarkdown>
  )
}
