import type { HubFile } from '../../../electron/contract/hub.ts'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { formatDisk } from '../../ui/format.ts'

const COLUMNS: readonly Column<HubFile>[] = [
  { id: 'path', header: 'File', className: 'font-mono text-xs', sortBy: ({ path }) => path, cell: ({ path }) => path },
  {
    id: 'bytes',
    header: 'Size',
    align: 'right',
    width: '8rem',
    sortBy: ({ bytes }) => bytes,
    cell: ({ bytes }) => formatDisk(bytes),
  },
  {
    id: 'state',
    header: 'Download',
    width: '14rem',
    sortBy: stateOf,
    cell: (file) => <span className="text-ink-2">{stateOf(file)}</span>,
  },
]

export function FileTable({ files }: { files: readonly HubFile[] }) {
  return <DataTable label="Files" columns={COLUMNS} rows={files} rowKey={({ path }) => path} maxWidth="64rem" />
}

function stateOf({ needed, cached }: HubFile): string {
  if (cached) return 'in the cache'
  return needed ? 'fetched' : 'left out, not read here'
}
