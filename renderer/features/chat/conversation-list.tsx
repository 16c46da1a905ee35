import { Check, EllipsisVertical, MessageSquarePlus, Pencil, Trash2, X } from 'lucide-react'
import { useState } from 'react'
import { Button, IconButton } from '../../ui/button.tsx'
import { cn } from '../../ui/cn.ts'
import { formatAgo } from '../../ui/format.ts'
import { Input, SearchInput } from '../../ui/input.tsx'
import { Menu } from '../../ui/menu.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import type { ChatSummary } from './store.ts'

export interface ConversationListProps {
  chats: readonly ChatSummary[]
  loading: boolean
  openId: string | null
  /** Conversation in which an answer is being written. */
  runningId: string | null
  canBegin: boolean
  modelName(id: string): string
  onNew(): void
  onOpen(id: string): void
  onRename(id: string, title: string): void
  onRemove(id: string): void
}

/** The kept conversations, newest first. */
export function ConversationList(props: ConversationListProps) {
  const [search, setSearch] = useState('')
  const [renaming, setRenaming] = useState<string | null>(null)
  const wanted = search.trim().toLowerCase()
  const found = props.chats.filter(
    (chat) => chat.title.toLowerCase().includes(wanted) || props.modelName(chat.modelId).toLowerCase().includes(wanted),
  )
  return (
    <>
      <div className="flex flex-col gap-2 p-3">
        <Button onClick={props.onNew} disabled={!props.canBegin}>
          <MessageSquarePlus aria-hidden />
          New chat
        </Button>
        <SearchInput label="Search chats" value={search} onChange={setSearch} />
      </div>
      {props.loading ? (
        <SkeletonRows label="Loading chats" rows={4} />
      ) : found.length === 0 ? (
        <p className="px-4 py-2 text-sm text-ink-3">
          {props.chats.length === 0 ? 'Chats you begin are kept here.' : `No chat matches "${search.trim()}".`}
        </p>
      ) : (
        <ul aria-label="Chats" className="min-h-0 flex-1 overflow-y-auto px-2 pb-3">
          {found.map((chat) => (
            <li key={chat.id}>
              {renaming === chat.id ? (
                <RenameForm
                  title={chat.title}
                  onCancel={() => setRenaming(null)}
                  onSave={(title) => {
                    setRenaming(null)
                    props.onRename(chat.id, title)
                  }}
                />
              ) : (
                <ConversationRow {...props} chat={chat} onStartRename={() => setRenaming(chat.id)} />
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

interface ConversationRowProps extends ConversationListProps {
  chat: ChatSummary
  onStartRename(): void
}

function ConversationRow({
  chat,
  openId,
  runningId,
  modelName,
  onOpen,
  onRemove,
  onStartRename,
}: ConversationRowProps) {
  const open = chat.id === openId
  return (
    <div className={cn('group flex items-center rounded-md pr-1', open ? 'bg-selected' : 'hover:bg-hover')}>
      <button
        type="button"
        aria-current={open || undefined}
        onClick={() => onOpen(chat.id)}
        className="flex min-w-0 flex-1 flex-col rounded-md px-2 py-1.5 text-left"
      >
        <span className="w-full truncate text-sm text-ink">{chat.title}</span>
        <span className="w-full truncate text-xs text-ink-3">
          {chat.id === runningId ? 'writing… · ' : ''}
          {modelName(chat.modelId)} · {formatAgo(chat.updatedAt, Date.now())}
        </span>
      </button>
      <Menu
        items={[
          { label: 'Rename', icon: Pencil, onSelect: onStartRename },
          { label: 'Delete', icon: Trash2, danger: true, separated: true, onSelect: () => onRemove(chat.id) },
        ]}
      >
        <Button variant="ghost" size="sm" className="w-6 px-0" aria-label={`Actions for ${chat.title}`}>
          <EllipsisVertical aria-hidden />
        </Button>
      </Menu>
    </div>
  )
}

interface RenameFormProps {
  title: string
  onSave(title: string): void
  onCancel(): void
}

function RenameForm({ title, onSave, onCancel }: RenameFormProps) {
  const [text, setText] = useState(title)
  return (
    <form
      className="flex items-center gap-0.5 py-1"
      onSubmit={(event) => {
        event.preventDefault()
        const trimmed = text.trim()
        if (trimmed === '' || trimmed === title) onCancel()
        else onSave(trimmed)
      }}
    >
      <Input
        aria-label="Chat name"
        value={text}
        maxLength={120}
        autoFocus
        onFocus={(event) => event.target.select()}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.preventDefault()
          onCancel()
        }}
      />
      <IconButton size="sm" label="Save name" icon={Check} type="submit" />
      <IconButton size="sm" label="Keep the old name" icon={X} onClick={onCancel} />
    </form>
  )
}
