/** How the votes stand between two versions, and what can be concluded. */
import type { Tally } from '../../../electron/contract/difference.ts'
import { Button } from '../../ui/button.tsx'
import { formatPercent, significant } from '../../ui/format.ts'
import { Section } from '../../ui/page.tsx'

export interface TallyViewProps {
  tally: Tally
  names: readonly [string, string]
  /** Null: there is nothing to forget. */
  onClear: (() => void) | null
}

export function TallyView({ tally, names, onClear }: TallyViewProps) {
  const { first, second, ties, share, interval } = tally
  return (
    <Section
      title="Votes so far"
      className="max-w-2xl"
      actions={
        onClear && (
          <Button size="sm" variant="ghost" onClick={onClear}>
            Forget these votes
          </Button>
        )
      }
    >
      {first + second + ties === 0 ? (
        <p className="text-sm text-ink-3">None between these two. Votes are kept until you forget them.</p>
      ) : (
        <>
          <p className="text-sm text-ink">
            {names[0]} {first}, {names[1]} {second}, no difference {ties}
          </p>
          {share !== null && interval !== null && (
            <>
              <div
                role="img"
                aria-label={`${names[0]} was chosen in ${formatPercent(share)}, between ${formatPercent(interval[0])} and ${formatPercent(interval[1])}`}
                className="relative h-3 rounded-full bg-sunken shadow-[inset_0_0_0_1px_var(--line)]"
              >
                <span
                  className="absolute inset-y-0 rounded-full bg-accent/40"
                  style={{ left: percent(interval[0]), right: percent(1 - interval[1]) }}
                />
                <span className="absolute inset-y-0 -ml-px w-0.5 bg-accent" style={{ left: percent(share) }} />
                <span className="absolute -inset-y-1 left-1/2 w-px bg-line-strong" />
              </div>
              <p className="text-sm text-ink-2">{conclusion(tally, names)}</p>
            </>
          )}
        </>
      )}
    </Section>
  )
}

function conclusion({ first, second, share, interval, pValue }: Tally, names: readonly [string, string]): string {
  if (share === null || interval === null || pValue === null) return ''
  const numbers = `${names[0]} was chosen in ${formatPercent(share)} of ${first + second} (95 % Wilson interval ${formatPercent(interval[0])} to ${formatPercent(interval[1])}; exact binomial test p = ${significant(pValue, 2)})`
  if (interval[0] > 0.5) return `${numbers}: it is preferred.`
  if (interval[1] < 0.5) return `${numbers}: ${names[1]} is preferred.`
  return `${numbers}: these votes do not tell the two apart.`
}

function percent(share: number): string {
  return `${share * 100}%`
}
