import { LogOut } from 'lucide-react'
import { useState } from 'react'
import type { HubAccount } from '../../../electron/contract/hub.ts'
import { useClient, useQueryCache } from '../../client/context.tsx'
import { ErrorView } from '../../client/error-view.tsx'
import { useAction } from '../../client/use-action.ts'
import { useQuery } from '../../client/use-query.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { Input } from '../../ui/input.tsx'
import { NumberField } from '../../ui/number-field.tsx'
import { Section } from '../../ui/page.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { CacheList } from './cache-list.tsx'
import type { SettingsPartProps } from './engine-section.tsx'

const SOURCES = {
  environment: 'from HF_TOKEN in the environment',
  app: 'stored by this app',
  'hugging-face-file': "from the token file of Python's huggingface_hub",
} as const

/** Account, downloads and cache of the Hub. */
export function HubSection({ settings, change }: SettingsPartProps) {
  const { data: account, error, refetch } = useQuery('hub.account', {})
  return (
    <Section title="Hub">
      {error ? (
        <ErrorView error={error} onRetry={refetch} />
      ) : account ? (
        <Account account={account} />
      ) : (
        <Skeleton className="h-16" />
      )}
      <Field label="Bandwidth limit" layout="row" hint="For all downloads together; empty: none">
        <NumberField
          value={settings.downloadBytesPerSecond === null ? null : settings.downloadBytesPerSecond / 1e6}
          onChange={(megabytes) => change({ downloadBytesPerSecond: megabytes === null ? null : megabytes * 1e6 })}
          min={0.1}
          max={100_000}
          step={1}
          allowEmpty
          unit="MB/s"
          placeholder="none"
          className="w-40"
        />
      </Field>
      <Field label="Disk floor" layout="row" hint="Downloads stop before less than this is free">
        <NumberField
          value={settings.diskFloorBytes / 1e9}
          onChange={(gigabytes) => gigabytes !== null && change({ diskFloorBytes: gigabytes * 1e9 })}
          min={0}
          max={100_000}
          step={1}
          unit="GB"
          className="w-40"
        />
      </Field>
      <CacheList />
    </Section>
  )
}

function Account({ account }: { account: HubAccount }) {
  const client = useClient()
  const cache = useQueryCache()
  const [token, setToken] = useState('')
  const keep = (fresh: HubAccount) => {
    cache.setAnswer('hub.account', {}, fresh)
    cache.invalidate('hub.inspect')
  }
  const login = useAction(async () => {
    keep(await client.call('hub.login', { token }))
    setToken('')
  })
  const logout = useAction(async () => keep(await client.call('hub.logout', {})))
  const { user, tokenSource, endpoint, offline, problem } = account
  const failure = login.error ?? logout.error ?? problem
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-center gap-3">
        <p className="min-w-0 flex-1 text-sm text-ink">
          {user ? (
            <>
              Signed in as <span className="font-medium">{user.name}</span>
              {user.tokenRole && <span className="text-ink-3"> with a token that may {words(user.tokenRole)}</span>}
            </>
          ) : offline ? (
            'Offline mode is on (HF_HUB_OFFLINE): nothing is asked of the Hub.'
          ) : (
            'Not signed in. Public models need no token.'
          )}
          <span className="block text-xs text-ink-3">
            {new URL(endpoint).host}
            {tokenSource && ` · token ${SOURCES[tokenSource]}`}
          </span>
        </p>
        {tokenSource === 'app' && (
          <Button pending={logout.pending} onClick={() => void logout.run()}>
            <LogOut aria-hidden />
            Sign out
          </Button>
        )}
      </div>
      {failure && <ErrorView error={failure} />}
      {tokenSource !== 'environment' && user === null && !offline && (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void login.run()
          }}
        >
          <Field label="Access token" hint="It begins with hf_. It is kept on this machine and sent to the Hub alone.">
            <div className="flex gap-2">
              <Input
                type="password"
                autoComplete="off"
                spellCheck={false}
                value={token}
                placeholder="hf_…"
                onChange={(event) => setToken(event.target.value)}
                className="min-w-0 flex-1"
              />
              <Button type="submit" pending={login.pending} disabled={token.trim() === ''}>
                Sign in
              </Button>
            </div>
          </Field>
        </form>
      )}
    </div>
  )
}

function words(role: string): string {
  if (role === 'fineGrained') return 'do what it was given rights for'
  return role === 'write' ? 'read and write' : role
}
