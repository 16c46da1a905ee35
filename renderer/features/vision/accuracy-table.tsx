import type { ModelSummary } from '../../../electron/contract/domain.ts'
import type { AccuracyResult } from '../../../electron/contract/vision.ts'
import { Badge } from '../../ui/badge.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { formatDisk, formatDuration } from '../../ui/format.ts'
import { ProtocolPopover } from '../../ui/stat.tsx'
import { type AnswerRow, changedIn } from './answers.ts'

interface Measured {
  readonly model: ModelSummary
  readonly result: AccuracyResult
}

export interface AccuracyTableProps {
  versions: readonly Measured[]
  source: ModelSummary
  rows: readonly AnswerRow[]
}

/** Accuracy of each version; every number opens to its protocol. */
export function AccuracyTable({ versions, source, rows }: AccuracyTableProps) {
  const hasTop5 = versions.some(({ result }) => result.top5 !== null)
  const number = (id: 'top1' | 'top5', header: string): Column<Measured> => ({
    id,
    header,
    align: 'right',
    cell: ({ model, result }) => (
      <ProtocolPopover
        label={`${header} of ${model.name}`}
        protocol={{ ...result.protocol, took: formatDuration(result.seconds) }}
      >
        {percent(result[id])}
      </ProtocolPopover>
    ),
    sortBy: ({ result }) => result[id],
  })
  const columns: Column<Measured>[] = [
    {
      id: 'name',
      header: 'Version',
      cell: ({ model }) => (
        <span className="flex min-w-0 items-center gap-2">
          <span className="truncate font-medium text-ink">{model.name}</span>
          {model.id === source.id ? <Badge>original</Badge> : <Badge tone="accent">{model.quantization?.label}</Badge>}
        </span>
      ),
    },
    {
      id: 'file',
      header: 'File',
      align: 'right',
      cell: ({ model }) => formatDisk(model.fileBytes),
      sortBy: ({ model }) => model.fileBytes,
    },
    number('top1', hasTop5 ? 'Top-1' : 'Right to the letter'),
    ...(hasTop5 ? [number('top5', 'Top-5')] : []),
    {
      id: 'changed',
      header: 'Changed answers',
      align: 'right',
      cell: ({ model }) => {
        const at = versions.findIndex((one) => one.model.id === model.id)
        return at === 0 ? '–' : `${changedIn(rows, at)} of ${rows.length}`
      },
    },
    {
      id: 'unread',
      header: 'Not readable',
      align: 'right',
      cell: ({ result }) => (result.problems.length === 0 ? '–' : result.problems.length),
    },
    {
      id: 'time',
      header: 'Took',
      align: 'right',
      cell: ({ result }) => formatDuration(result.seconds),
      sortBy: ({ result }) => result.seconds,
    },
  ]
  const problems = versions[0]?.result.problems ?? []
  return (
    <>
      <DataTable
        label="Accuracy"
        columns={columns}
        rows={versions}
        rowKey={({ model }) => model.id}
        minWidth="40rem"
        className="flex-none"
      />
      {problems.length > 0 && (
        <details className="px-5 text-sm text-ink-2">
          <summary className="w-fit rounded-sm text-warn-text">
            {problems.length === 1
              ? '1 picture could not be read and counts as wrong'
              : `${problems.length} pictures could not be read and count as wrong`}
          </summary>
          <ul className="mt-1 flex flex-col gap-0.5 pl-4 text-xs">
            {problems.map(({ image, error }) => (
              <li key={image}>
                <span className="font-mono">{image}</span>: {error.message}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}

/** "95.0 %"; a dash where there is none. */
function percent(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(1)} %`
}
