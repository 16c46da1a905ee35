import { History } from 'lucide-react'
import type { JobRecord } from '../../../electron/contract/domain.ts'
import { Button } from '../../ui/button.tsx'
import { STATE_WORDS } from './job-words.ts'

/** Says that an earlier run can go on. */
export function KeptRun({ record, onShow }: { record: JobRecord; onShow(): void }) {
  return (
    <div className="flex items-center gap-3 border-b border-line bg-warn-soft px-5 py-2 text-sm">
      <History aria-hidden className="size-4 text-warn-text" />
      <p className="min-w-0 flex-1 truncate">
        <span className="font-medium">{record.title}</span>: {STATE_WORDS[record.state].toLowerCase()}
        {record.saved !== null && `, ${record.saved}`}
      </p>
      <Button size="sm" onClick={onShow}>
        Show and resume
      </Button>
    </div>
  )
}
