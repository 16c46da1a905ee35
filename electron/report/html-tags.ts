/** HTML as text, with everything that comes from outside escaped. */

/** Markup that is safe as it stands. */
export interface Html {
  readonly html: string
}

export type Content = Html | string | number | readonly Content[]

/** A template whose values are escaped, unless they are Html themselves. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return { html: parts.map((part, index) => part + (index < values.length ? text(values[index] ?? '') : '')).join('') }
}

function text(content: Content): string {
  if (typeof content === 'object') return 'html' in content ? content.html : content.map(text).join('')
  return String(content)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
