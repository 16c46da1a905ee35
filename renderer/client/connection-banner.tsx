import { LoaderCircle, TriangleAlert } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { cn } from '../ui/cn.ts'
import { useClient, useConnection } from './context.tsx'
import { errorWords } from './error-words.ts'
import { useAction } from './use-action.ts'
import { useWatch } from './use-query.ts'

/** One line above the screens while something between the window and the engine is not as it should be. */
export function ConnectionBanner() {
  const { status, error, host, retry } = useConnection()
  const isLate = useLate(status === 'connecting')
  if (status === 'refused' && error) {
    const reload = (
      <Button size="sm" onClick={() => window.location.reload()}>
        Reload
      </Button>
    )
    return (
      <Banner tone="danger" action={error.code === 'version-mismatch' && reload}>
        {errorWords(error.code).title}. {error.message}
      </Banner>
    )
  }
  if (status === 'lost') {
    return (
      <Banner
        tone="warn"
        busy
        action={
          <Button size="sm" onClick={retry}>
            Connect now
          </Button>
        }
      >
        {host?.host === 'web'
          ? 'Not connected. Jobs go on as long as the app runs; if it was stopped, start it again. Trying to reconnect.'
          : 'Not connected. Trying to reconnect.'}
      </Banner>
    )
  }
  if (status === 'connecting')
    return isLate ? (
      <Banner tone="quiet" busy>
        Connecting
      </Banner>
    ) : null
  return <EngineBanner />
}

function EngineBanner() {
  const client = useClient()
  const { data: engine } = useWatch('engine.watch', {})
  const restart = useAction(() => client.call('engine.restart', {}))
  if (engine?.state === 'restarting') {
    return (
      <Banner tone="warn" busy>
        The engine stopped and is restarting. What was finished is kept.
      </Banner>
    )
  }
  if (engine?.state === 'failed') {
    return (
      <Banner
        tone="danger"
        action={
          <Button size="sm" pending={restart.pending} onClick={() => void restart.run()}>
            Start the engine
          </Button>
        }
      >
        The engine stopped{engine.deaths > 1 ? ` ${engine.deaths} times in ten minutes` : ''} and stays off.
        {engine.lastError ? ` ${engine.lastError.message}` : ''}
      </Banner>
    )
  }
  return null
}

const tones = {
  quiet: 'bg-sunken text-ink-2',
  warn: 'bg-warn-soft text-warn-text',
  danger: 'bg-danger-soft text-danger-text',
}

function Banner({
  tone,
  busy,
  action,
  children,
}: {
  tone: keyof typeof tones
  busy?: boolean
  action?: ReactNode
  children: ReactNode
}) {
  const Icon = busy ? LoaderCircle : TriangleAlert
  return (
    <div role="status" className={cn('appear flex min-h-9 shrink-0 items-center gap-2 px-4 py-1 text-sm', tones[tone])}>
      <Icon aria-hidden className={cn('size-4 shrink-0', busy && 'animate-spin')} />
      <p className="min-w-0 flex-1">{children}</p>
      {action}
    </div>
  )
}

/** True once `active` has been true for 300 ms. */
function useLate(active: boolean): boolean {
  const [late, setLate] = useState(false)
  useEffect(() => {
    if (!active) return setLate(false)
    const timer = setTimeout(() => setLate(true), 300)
    return () => clearTimeout(timer)
  }, [active])
  return late
}
