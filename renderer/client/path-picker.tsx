/**
 * Asks for a folder or file: by the host's own dialog where there is one, else by a list of the server's files. One
 * hook for every screen that needs a path.
 */
import { ArrowUp, Box, File, Folder } from 'lucide-react'
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useRef, useState } from 'react'
import type { PickKind } from '../../electron/contract/app.ts'
import { Badge } from '../ui/badge.tsx'
import { Button, IconButton } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { Dialog } from '../ui/dialog.tsx'
import { EmptyState } from '../ui/empty-state.tsx'
import { formatDisk } from '../ui/format.ts'
import { Input } from '../ui/input.tsx'
import { SkeletonRows } from '../ui/skeleton.tsx'
import { useClient, useConnection } from './context.tsx'
import { ErrorView } from './error-view.tsx'
import type { AnswerOf } from './query-cache.ts'
import { useQuery } from './use-query.ts'

export interface PickRequest {
  pick: PickKind
  title: string
  /** Verb on the button: `Add`, `Choose`. */
  confirmLabel?: string
  description?: string
}

type Entry = AnswerOf<'files.list'>['entries'][number]

export interface PathPicker {
  /** Resolves to an absolute path, or null when dismissed. */
  pick(request: PickRequest): Promise<string | null>
  /** Render it once; it is empty until asked. */
  readonly element: ReactNode
}

export function usePathPicker(): PathPicker {
  const client = useClient()
  const { host } = useConnection()
  const [open, setOpen] = useState<(PickRequest & { resolve(path: string | null): void }) | null>(null)
  const hasDialogs = host?.hasDialogs ?? false
  const pick = useCallback(
    async (request: PickRequest) => {
      if (hasDialogs) return (await client.call('files.pick', { pick: request.pick })).path
      return new Promise<string | null>((resolve) => setOpen({ ...request, resolve }))
    },
    [client, hasDialogs],
  )
  function close(path: string | null): void {
    open?.resolve(path)
    setOpen(null)
  }
  const element = open && <PathDialog {...open} onClose={close} />
  return { pick, element }
}

function PathDialog({
  pick,
  title,
  description,
  confirmLabel = 'Choose',
  onClose,
}: PickRequest & { onClose(path: string | null): void }) {
  const [path, setPath] = useState<string | null>(null)
  const { data, error, isLoading, refetch } = useQuery('files.list', { path, pick })
  const [chosen, setChosen] = useState<Entry | null>(null)

  function open(next: string): void {
    setChosen(null)
    setPath(next)
  }

  const result =
    chosen && (chosen.kind === pick || chosen.isModel) ? chosen.path : pick === 'file' ? null : (data?.path ?? null)
  return (
    <Dialog
      open
      onOpenChange={(stillOpen) => !stillOpen && onClose(null)}
      title={title}
      {...(description ? { description } : {})}
      size="lg"
      className="min-h-[min(55vh,32rem)] pb-0"
      footer={
        <>
          <span className="min-w-0 flex-1 truncate font-mono text-xs text-ink-3">{result}</span>
          <Button onClick={() => onClose(null)}>Cancel</Button>
          <Button variant="primary" disabled={!result} onClick={() => onClose(result)}>
            {confirmLabel}
          </Button>
        </>
      }
    >
      <div className="flex gap-2 pb-3">
        <IconButton
          label="Folder above"
          icon={ArrowUp}
          variant="secondary"
          disabled={!data?.parent}
          onClick={() => data?.parent && open(data.parent)}
        />
        <PathInput path={data?.path ?? path ?? ''} onGo={open} />
      </div>
      {error ? (
        <ErrorView error={error} onRetry={refetch} />
      ) : isLoading || !data ? (
        <SkeletonRows className="px-0" />
      ) : data.entries.length === 0 ? (
        <EmptyState icon={Folder} title="This folder is empty" />
      ) : (
        <EntryList
          entries={data.entries}
          chosen={chosen}
          pick={pick}
          onChoose={setChosen}
          onOpen={open}
          onPick={onClose}
        />
      )}
    </Dialog>
  )
}

function PathInput({ path, onGo }: { path: string; onGo(path: string): void }) {
  const [draft, setDraft] = useState(path)
  useEffect(() => setDraft(path), [path])
  return (
    <Input
      aria-label="Path"
      value={draft}
      className="font-mono"
      onChange={(event) => setDraft(event.target.value)}
      onKeyDown={(event) => event.key === 'Enter' && draft.trim() !== '' && onGo(draft.trim())}
    />
  )
}

interface EntryListProps {
  entries: readonly Entry[]
  chosen: Entry | null
  pick: PickKind
  onChoose(entry: Entry): void
  onOpen(path: string): void
  onPick(path: string): void
}

/** Arrows choose, Enter or a double press opens a folder or takes a file. */
function EntryList({ entries, chosen, pick, onChoose, onOpen, onPick }: EntryListProps) {
  const list = useRef<HTMLDivElement>(null)
  const index = chosen ? entries.findIndex(({ path }) => path === chosen.path) : -1

  function activate(entry: Entry): void {
    if (entry.kind === 'folder' && !entry.isModel) onOpen(entry.path)
    else if (entry.kind === pick || entry.isModel) onPick(entry.path)
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === 'Enter' && chosen) activate(chosen)
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -entries.length, End: entries.length }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = entries[Math.min(entries.length - 1, Math.max(0, index + step))]
    if (!next) return
    onChoose(next)
    list.current?.querySelector(`[data-path="${CSS.escape(next.path)}"]`)?.scrollIntoView({ block: 'nearest' })
  }

  return (
    <div
      ref={list}
      role="listbox"
      aria-label="Folders and files"
      tabIndex={0}
      aria-activedescendant={index < 0 ? undefined : `entry-${index}`}
      onKeyDown={onKeyDown}
      className="-mx-2 min-h-0 flex-1 overflow-y-auto rounded-md p-1"
    >
      {entries.map((entry, position) => (
        <EntryRow
          key={entry.path}
          id={`entry-${position}`}
          entry={entry}
          isChosen={position === index}
          onChoose={() => onChoose(entry)}
          onActivate={() => activate(entry)}
        />
      ))}
    </div>
  )
}

interface EntryRowProps {
  id: string
  entry: Entry
  isChosen: boolean
  onChoose(): void
  onActivate(): void
}

function EntryRow({ id, entry, isChosen, onChoose, onActivate }: EntryRowProps) {
  const Icon = entry.isModel ? Box : entry.kind === 'folder' ? Folder : File
  return (
    // The list box handles the keys for all of its options.
    // biome-ignore lint/a11y/useKeyWithClickEvents: see above
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      data-path={entry.path}
      onClick={onChoose}
      onDoubleClick={onActivate}
      className={cn(
        'flex h-8 items-center gap-2 rounded-md px-2 select-none',
        isChosen ? 'bg-selected' : 'hover:bg-hover',
      )}
    >
      <Icon aria-hidden className={cn('size-4 shrink-0', entry.isModel ? 'text-accent-text' : 'text-ink-3')} />
      <span className="min-w-0 flex-1 truncate">{entry.name}</span>
      {entry.isModel && <Badge tone="accent">Model</Badge>}
      {entry.bytes !== null && <span className="text-xs text-ink-3">{formatDisk(entry.bytes)}</span>}
    </div>
  )
}
