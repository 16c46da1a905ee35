import { useEffect, useMemo, useRef } from 'react'
import type { JobDetail, JobRecord, TensorResult } from '../../../electron/contract/domain.ts'
import { methodInfo } from '../../../electron/plan/methods.ts'
import { errorScale } from '../../ui/block-grid/error-cell.ts'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { CopyButton } from '../../ui/error-panel.tsx'
import { formatDisk, formatDuration, formatPercent, formatTime } from '../../ui/format.ts'
import { sequentialColor } from '../../ui/sequential-map.ts'
import { useColorTheme } from '../../ui/theme.ts'

/** Every finished tensor with its error: the table twin of the live map in Quantize. */
export function TensorResultTable({ tensors }: { tensors: readonly TensorResult[] }) {
  const theme = useColorTheme()
  const scale = useMemo(() => errorScale(tensors.map(({ relativeError }) => relativeError)), [tensors])
  const columns: Column<TensorResult>[] = [
    {
      id: 'name',
      header: 'Tensor',
      cell: ({ name }) => name,
      sortBy: ({ name }) => name,
      className: 'font-mono text-xs',
    },
    { id: 'spec', header: 'Stored as', cell: specText, sortBy: specText, width: '11rem' },
    {
      id: 'error',
      header: 'Relative error',
      width: '10rem',
      align: 'right',
      sortBy: ({ relativeError }) => relativeError,
      cell: ({ relativeError }) => (
        <span className="inline-flex items-center gap-2">
          {formatPercent(relativeError)}
          <span
            aria-hidden
            className="size-3 rounded-[2px]"
            style={{ background: sequentialColor(scale.level(relativeError), theme) }}
          />
        </span>
      ),
    },
    {
      id: 'iterations',
      header: 'Steps',
      cell: ({ iterations }) => iterations,
      sortBy: ({ iterations }) => iterations,
      align: 'right',
      width: '5rem',
    },
    {
      id: 'bytes',
      header: 'Size',
      cell: ({ bytes }) => formatDisk(bytes),
      sortBy: ({ bytes }) => bytes,
      align: 'right',
      width: '6.5rem',
    },
    {
      id: 'seconds',
      header: 'Time',
      cell: ({ seconds }) => formatDuration(seconds),
      sortBy: ({ seconds }) => seconds,
      align: 'right',
      width: '6rem',
    },
  ]
  return (
    <DataTable
      label="Finished tensors"
      columns={columns}
      rows={tensors}
      rowKey={({ name }) => name}
      minWidth="48rem"
      maxWidth="84rem"
      empty="Tensors appear here one by one as they are finished."
    />
  )
}

function specText({ spec }: TensorResult): string {
  return `${spec.nbits}-bit ${spec.groupSize === null ? 'no groups' : `g${spec.groupSize}`}, axis ${spec.axis}${spec.method === 'hqq' ? '' : `, ${methodInfo(spec.method).short}`}`
}

/** The log, following its end unless the reader scrolled up. */
export function JobLog({ log }: { log: JobDetail['log'] }) {
  const scroller = useRef<HTMLElement>(null)
  const sticks = useRef(true)
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the end
  useEffect(() => {
    const element = scroller.current
    if (element && sticks.current) element.scrollTop = element.scrollHeight
  }, [log.length])
  if (log.length === 0) return <p className="p-6 text-center text-sm text-ink-3">Nothing logged yet.</p>
  return (
    <>
      <div className="flex justify-end px-5 pt-2">
        <CopyButton text={log.map(({ at, text }) => `${at} ${text}`).join('\n')} label="Copy log" />
      </div>
      <section
        ref={scroller}
        aria-label="Log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          sticks.current = scrollHeight - scrollTop - clientHeight < 24
        }}
        className="min-h-0 flex-1 overflow-auto px-5 pb-4 font-mono text-xs leading-5 focus-visible:-outline-offset-2"
      >
        <ol>
          {log.map(({ at, text }, index) => (
            // Lines are only added at the end.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <li key={index} className="flex gap-3">
              <time dateTime={at} className="shrink-0 text-ink-3">
                {formatTime(at)}
              </time>
              <span className="break-words whitespace-pre-wrap text-ink">{text}</span>
            </li>
          ))}
        </ol>
      </section>
    </>
  )
}

/** The request as it was sent, for repeating it from the command line. */
export function JobRequestText({ record }: { record: JobRecord }) {
  const text = JSON.stringify(record.job.request, null, 2)
  return (
    <div className="flex min-h-0 flex-1 flex-col overflow-y-auto px-5 py-3">
      <CopyButton text={text} label="Copy" className="self-end" />
      <pre className="mt-1 rounded-md bg-sunken p-3 font-mono text-xs whitespace-pre-wrap text-ink shadow-[inset_0_0_0_1px_var(--line)]">
        {text}
      </pre>
    </div>
  )
}
