import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { CachedRepo } from '../../../electron/contract/hub.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { IconButton } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/dialog.tsx'
import { formatDisk } from '../../ui/format.ts'

/** What lies in the cache that Python's libraries share, and taking it out. */
export function CacheList() {
  const client = useClient()
  const queries = useQueryCache()
  const { data, error, refetch } = useQuery('hub.cache', {})
  const [asked, setAsked] = useState<CachedRepo | null>(null)
  const remove = useAction(async ({ type, name }: CachedRepo) => {
    if (type === 'space') return
    await client.call('hub.removeFromCache', { type, name, commit: null })
    queries.invalidate('hub.cache')
    queries.invalidate('hub.inspect')
    setAsked(null)
  })
  const total = data?.repos.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0
  return (
    <div className="flex flex-col gap-1">
      <h3 className="text-sm font-medium text-ink-2">Cache{total > 0 && `, ${formatDisk(total)}`}</h3>
      {data && <p className="font-mono text-xs break-all text-ink-3">{data.cacheDir}</p>}
      {error && <ErrorView error={error} onRetry={refetch} />}
      {data?.repos.length === 0 && <p className="text-xs text-ink-3">Nothing was fetched yet.</p>}
      <ul className="flex flex-col">
        {data?.repos.map((repo) => (
          <li
            key={`${repo.type} ${repo.name}`}
            className="flex items-center gap-3 border-b border-line/60 py-1 text-sm"
          >
            <span className="min-w-0 flex-1 truncate text-ink">{repo.name}</span>
            {repo.type !== 'model' && <span className="text-xs text-ink-3">{repo.type}</span>}
            {repo.unfinishedBytes > 0 && (
              <span className="text-xs text-warn-text">{formatDisk(repo.unfinishedBytes)} unfinished</span>
            )}
            <span className="text-xs text-ink-3">{formatDisk(repo.bytes)}</span>
            <IconButton label={`Delete ${repo.name} from the cache`} icon={Trash2} onClick={() => setAsked(repo)} />
          </li>
        ))}
      </ul>
      {asked && (
        <ConfirmDialog
          open
          onOpenChange={(open) => !open && setAsked(null)}
          title={`Delete ${asked.name} from the cache?`}
          description={
            <>
              <p>
                {formatDisk(asked.bytes + asked.unfinishedBytes)} are freed. Other programs that use this cache will
                fetch it again.
              </p>
              {remove.error && <ErrorView error={remove.error} className="mt-3" />}
            </>
          }
          confirmLabel="Delete"
          danger
          pending={remove.pending}
          onConfirm={() => void remove.run(asked)}
        />
      )}
    </div>
  )
}
