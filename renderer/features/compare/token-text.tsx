/** A text with each token on the ground of its divergence. The token under the pointer, or reached with the arrows, says its numbers. */
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from 'react'
import type { ComparedToken } from '../../../electron/contract/difference.ts'
import { klShare, LEAST_KL, MOST_KL } from '../../../electron/plan/divergence.ts'
import { cn } from '../../ui/cn.ts'
import { formatPercent, significant } from '../../ui/format.ts'
import { type ColorTheme, sequentialColor, sequentialGradient, sequentialInk } from '../../ui/sequential-map.ts'
import { useColorTheme } from '../../ui/theme.ts'

export interface TokenTextProps {
  /** Name for screen readers. */
  label: string
  tokens: readonly ComparedToken[]
  /** Index of the token at which this answer leaves the reference's. */
  partsAt?: number | null
  className?: string
}

export function TokenText({ label, tokens, partsAt = null, className }: TokenTextProps) {
  const theme = useColorTheme()
  const [active, setActive] = useState<number | null>(null)
  const body = useMemo(() => spans(tokens, partsAt, theme), [tokens, partsAt, theme])

  // Marked in the document: drawing thousands of tokens again for each step would be felt.
  const text = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const token = active === null ? null : text.current?.querySelector<HTMLElement>(`[data-token="${active}"]`)
    token?.setAttribute('data-active', '')
    token?.scrollIntoView({ block: 'nearest' })
    return () => token?.removeAttribute('data-active')
  }, [active])

  function point({ target }: PointerEvent): void {
    const index = target instanceof HTMLElement ? target.dataset.token : undefined
    if (index !== undefined) setActive(Number(index))
  }

  function move(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (event.key === 'Escape') setActive(null)
    if (step === undefined) return
    event.preventDefault()
    setActive((now) => Math.min(tokens.length - 1, Math.max(0, now === null ? 0 : now + step)))
  }

  const shown = active === null ? undefined : tokens[active]
  return (
    <div className={cn('flex min-h-0 flex-col gap-2', className)}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms; this is a text whose parts are walked through */}
      <div
        ref={text}
        role="group"
        aria-label={`${label}, token by token`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrows walk through the tokens
        tabIndex={0}
        onPointerOver={point}
        onKeyDown={move}
        className="min-h-0 overflow-y-auto rounded-sm text-base leading-7 break-words whitespace-pre-wrap text-ink focus-visible:outline-offset-4"
      >
        {body}
      </div>
      <p aria-live="polite" className="min-h-8 text-xs text-ink-2">
        {shown === undefined || active === null ? (
          <span className="text-ink-3">Point at a token, or walk with the arrow keys, for its numbers.</span>
        ) : (
          <TokenFacts token={shown} />
        )}
      </p>
    </div>
  )
}

function spans(tokens: readonly ComparedToken[], partsAt: number | null, theme: ColorTheme) {
  return tokens.map((token, index) => {
    const { seen, text } = token
    const share = seen === null ? null : klShare(seen.kl)
    return (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens have no identity but their place
      <span key={index}>
        {index === partsAt && <PartsMark />}
        <span
          data-token={index}
          className={cn(
            'rounded-[0.15rem] data-active:outline-2 data-active:outline-accent',
            seen !== null &&
              seen.top !== seen.referenceTop &&
              'underline decoration-current decoration-dotted underline-offset-3',
          )}
          style={
            share === null
              ? undefined
              : { backgroundColor: sequentialColor(share, theme), color: sequentialInk(share, theme) }
          }
        >
          {text}
        </span>
      </span>
    )
  })
}

/** Where two answers part. */
export function PartsMark() {
  return (
    <span className="mx-0.5 border-l-2 border-accent pl-1 text-xs font-semibold text-accent-text select-none">
      parts here{' '}
    </span>
  )
}

function TokenFacts({ token: { text, seen } }: { token: ComparedToken }) {
  if (seen === null) return <>{visible(text)}: nothing came before it that it could be predicted from.</>
  return (
    <>
      {visible(text)}: KL {significant(seen.kl)} nats; likelihood {formatPercent(seen.probability)}, reference{' '}
      {formatPercent(seen.referenceProbability)}. Likeliest here {visible(seen.top)}{' '}
      {formatPercent(seen.topProbability)}, reference {visible(seen.referenceTop)}{' '}
      {formatPercent(seen.referenceTopProbability)}.
    </>
  )
}

function visible(text: string): string {
  return `“${text.replaceAll('\n', '↵')}”`
}

/** What the grounds mean. */
export function KlLegend() {
  const theme = useColorTheme()
  return (
    <p className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-ink-3">
      <span className="flex items-center gap-2">
        KL {LEAST_KL}
        <span aria-hidden className="h-2.5 w-32 rounded-sm" style={{ background: sequentialGradient(theme) }} />
        {MOST_KL} nats and more, by its logarithm
      </span>
      <span>
        <span className="underline decoration-dotted underline-offset-3">dotted</span>: another token is likeliest
      </span>
    </p>
  )
}
