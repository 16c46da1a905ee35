import { Check, X } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { ModelSummary } from '../../../electron/contract/domain.ts'
import { Thumbnail } from '../../client/thumbnail.tsx'
import { Badge } from '../../ui/badge.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { Segmented } from '../../ui/segmented.tsx'
import type { AnswerRow } from './answers.ts'
import { versionName } from './use-versions.ts'

export interface AnswerTableProps {
  /** Folder of the pictures. */
  dir: string
  rows: readonly AnswerRow[]
  /** In the order of the rows' answers. */
  versions: readonly ModelSummary[]
  source: ModelSummary
}

type Filter = 'all' | 'changed' | 'wrong'

/** Picture by picture what each version answers; those that changed stand first. */
export function AnswerTable({ dir, rows, versions, source }: AnswerTableProps) {
  const [filter, setFilter] = useState<Filter>('all')
  const changed = rows.filter((row) => row.changed)
  const wrong = rows.filter((row) => row.wrong > 0)
  const shown = filter === 'all' ? rows : filter === 'changed' ? changed : wrong
  const asksQuestions = rows.some(({ question }) => question !== null)
  const columns = useMemo<Column<AnswerRow>[]>(
    () => [
      {
        id: 'picture',
        header: 'Picture',
        width: '16rem',
        cell: ({ image, changed: isChanged }) => (
          <span className="flex min-w-0 items-center gap-2 py-1">
            <Thumbnail image={{ kind: 'file', path: `${dir}/${image}` }} alt="" className="size-10" />
            <span className="truncate">{image}</span>
            {isChanged && <Badge tone="warn">changed</Badge>}
          </span>
        ),
      },
      ...(asksQuestions ? [{ id: 'question', header: 'Question', cell: (row: AnswerRow) => row.question }] : []),
      { id: 'expected', header: 'Right answer', cell: ({ expected }) => expected },
      ...versions.map((model, at) => ({
        id: model.id,
        header: versionName(model, source),
        cell: (row: AnswerRow) => <Answer answer={row.answers[at] ?? null} />,
      })),
    ],
    [dir, versions, source, asksQuestions],
  )
  return (
    <section aria-label="Answers" className="flex flex-col gap-2">
      <div className="px-5">
        <Segmented
          size="sm"
          aria-label="Pictures shown"
          value={filter}
          onChange={setFilter}
          options={[
            { value: 'all', label: `All ${rows.length}` },
            { value: 'changed', label: `Changed ${changed.length}`, disabled: changed.length === 0 },
            { value: 'wrong', label: `Wrong ${wrong.length}`, disabled: wrong.length === 0 },
          ]}
        />
      </div>
      <DataTable
        label="Answers picture by picture"
        columns={columns}
        rows={shown}
        rowKey={({ key }) => key}
        rowHeight={48}
        minWidth="40rem"
        className="max-h-[60vh] flex-none"
      />
    </section>
  )
}

function Answer({ answer }: { answer: AnswerRow['answers'][number] }) {
  if (answer === null) return <span className="text-ink-3">–</span>
  const Mark = answer.correct ? Check : X
  return (
    <span className="flex min-w-0 items-center gap-1.5" title={answer.answer}>
      <Mark
        role="img"
        aria-label={answer.correct ? 'right' : 'wrong'}
        className={`size-3.5 shrink-0 ${answer.correct ? 'text-ok-text' : 'text-danger-text'}`}
      />
      <span className="truncate">{answer.answer === '' ? 'nothing' : answer.answer}</span>
      {!answer.correct && answer.rank !== null && <span className="text-xs text-ink-3">rank {answer.rank}</span>}
    </span>
  )
}
