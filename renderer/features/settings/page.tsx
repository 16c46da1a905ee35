import type { Settings } from '../../../electron/contract/domain.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { PageHeader } from '../../ui/page.tsx'
import { SkeletonRows } from '../../ui/skeleton.tsx'
import { setTheme } from '../../ui/theme.ts'
import { EngineInfo } from './engine-info.tsx'
import { AppearanceSection, EngineSection } from './engine-section.tsx'
import { FolderSection } from './folder-section.tsx'
import { HubSection } from './hub-section.tsx'
import { KeptSection } from './kept-section.tsx'

export type ChangeSettings = (change: Partial<Settings>) => void

/** Settings: every change is saved at once. */
export function SettingsPage() {
  const client = useClient()
  const cache = useQueryCache()
  const { data: settings, error, refetch } = useQuery('settings.get', {})
  const save = useAction(async (change: Partial<Settings>) => {
    cache.setAnswer('settings.get', {}, await client.call('settings.set', change))
    // Predictions depend on the context length and on what is calculated in.
    cache.invalidate('compare.rows')
    cache.invalidate('quantize.estimate')
  })
  const change: ChangeSettings = (part) => {
    if (part.theme) setTheme(part.theme)
    void save.run(part)
  }
  return (
    <div className="flex min-h-0 flex-1 flex-col bg-surface">
      <PageHeader title="Settings" subtitle="Changes take effect and are saved at once" />
      <div className="@container min-h-0 flex-1 overflow-y-auto">
        <div className="grid max-w-[96rem] grid-cols-1 gap-x-16 gap-y-10 px-5 py-6 @5xl:grid-cols-2">
          {error && <ErrorView error={error} onRetry={refetch} />}
          {save.error && <ErrorView error={save.error} title="The change was not saved" className="@5xl:col-span-2" />}
          {settings ? (
            <div className="flex max-w-2xl flex-col gap-10">
              <AppearanceSection settings={settings} change={change} />
              <FolderSection settings={settings} change={change} />
              <HubSection settings={settings} change={change} />
              <KeptSection settings={settings} change={change} />
              <EngineSection settings={settings} change={change} />
            </div>
          ) : (
            !error && <SkeletonRows label="Loading settings" className="p-0" />
          )}
          <EngineInfo />
        </div>
      </div>
    </div>
  )
}
