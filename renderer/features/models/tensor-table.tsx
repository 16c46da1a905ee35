import { useMemo, useState } from 'react'
import type { LinearInfo, ModelDetail, TensorInfo } from '../../../electron/contract/domain.ts'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { formatBitsPerWeight, formatCount, formatDisk, formatShape } from '../../ui/format.ts'
import { SearchInput } from '../../ui/input.tsx'
import { Segmented } from '../../ui/segmented.tsx'

const TENSOR_COLUMNS: readonly Column<TensorInfo>[] = [
  {
    id: 'name',
    header: 'Tensor',
    cell: ({ name }) => name,
    sortBy: ({ name }) => name,
    className: 'font-mono text-xs',
  },
  {
    id: 'dtype',
    header: 'dtype',
    cell: ({ dtype }) => dtype,
    sortBy: ({ dtype }) => dtype,
    width: '7rem',
    className: 'text-ink-2',
  },
  {
    id: 'shape',
    header: 'Shape',
    cell: ({ shape }) => formatShape(shape),
    sortBy: ({ shape }) => shape.reduce((product, size) => product * size, 1),
    align: 'right',
    width: '10rem',
  },
  {
    id: 'bytes',
    header: 'Size',
    cell: ({ bytes }) => formatDisk(bytes),
    sortBy: ({ bytes }) => bytes,
    align: 'right',
    width: '7rem',
  },
  {
    id: 'file',
    header: 'File',
    cell: ({ file }) => file,
    sortBy: ({ file }) => file,
    width: '14rem',
    className: 'font-mono text-xs text-ink-3',
  },
]

const LINEAR_COLUMNS: readonly Column<LinearInfo>[] = [
  {
    id: 'name',
    header: 'Linear layer',
    cell: ({ name }) => name,
    sortBy: ({ name }) => name,
    className: 'font-mono text-xs',
  },
  {
    id: 'shape',
    header: 'Out × in',
    cell: ({ shape }) => formatShape(shape),
    sortBy: ({ shape }) => shape[0] * shape[1],
    align: 'right',
    width: '9rem',
  },
  { id: 'stored', header: 'Stored as', cell: storedAs, sortBy: storedAs, width: '12rem' },
  {
    id: 'bits',
    header: 'Bits per weight',
    cell: (linear) => formatBitsPerWeight(bitsPerWeight(linear)),
    sortBy: bitsPerWeight,
    align: 'right',
    width: '10rem',
  },
  {
    id: 'bytes',
    header: 'Size',
    cell: (linear) => formatDisk(storedBytes(linear)),
    sortBy: storedBytes,
    align: 'right',
    width: '7rem',
  },
]

function storedAs({ quantized, sourceDtype }: LinearInfo): string {
  if (!quantized) return sourceDtype
  return `${quantized.nbits}-bit ${quantized.groupSize === null ? 'no groups' : `g${quantized.groupSize}`}, axis ${quantized.axis}`
}

function storedBytes({ quantized, sourceBytes }: LinearInfo): number {
  return quantized ? quantized.bytes : sourceBytes
}

function bitsPerWeight(linear: LinearInfo): number {
  return (storedBytes(linear) * 8) / (linear.shape[0] * linear.shape[1])
}

/** Every tensor of the files, or every linear layer with how it is stored. Filter by part of a name. */
export function TensorTable({ detail }: { detail: ModelDetail }) {
  const [view, setView] = useState<'tensors' | 'linears'>('tensors')
  const [filter, setFilter] = useState('')
  const needle = filter.trim().toLowerCase()
  const tensors = useMemo(
    () => detail.tensors.filter(({ name }) => name.toLowerCase().includes(needle)),
    [detail, needle],
  )
  const linears = useMemo(
    () => detail.linears.filter(({ name }) => name.toLowerCase().includes(needle)),
    [detail, needle],
  )
  const shown = view === 'tensors' ? tensors : linears
  const all = view === 'tensors' ? detail.tensors : detail.linears
  return (
    <>
      <div className="flex shrink-0 flex-wrap items-center gap-3 px-5 py-3">
        <Segmented
          aria-label="Show"
          size="sm"
          value={view}
          onChange={setView}
          options={[
            { value: 'tensors', label: 'Tensors' },
            { value: 'linears', label: 'Linear layers' },
          ]}
        />
        <SearchInput label="Filter by name" value={filter} onChange={setFilter} className="w-72" />
        <p role="status" className="flex-1 text-right text-xs text-ink-3">
          {needle ? `${formatCount(shown.length)} of ${formatCount(all.length)}` : formatCount(all.length)}
        </p>
      </div>
      {view === 'tensors' ? (
        <DataTable
          label="Tensors"
          columns={TENSOR_COLUMNS}
          rows={tensors}
          rowKey={({ name }) => name}
          empty="No tensor has that in its name."
          minWidth="46rem"
          maxWidth="84rem"
        />
      ) : (
        <DataTable
          label="Linear layers"
          columns={LINEAR_COLUMNS}
          rows={linears}
          rowKey={({ name }) => name}
          empty="No linear layer has that in its name."
          minWidth="46rem"
          maxWidth="84rem"
        />
      )}
    </>
  )
}
