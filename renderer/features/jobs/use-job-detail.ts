import { useEffect, useRef, useState } from 'react'
import type { JobDetail } from '../../../electron/contract/domain.ts'
import type { AppError } from '../../../electron/contract/errors.ts'
import { useStream } from '../../client/use-stream.ts'
import { applyFollowEvent, type FollowEvent } from './follow-store.ts'

/** Follows a job; `attempt` counts its runs, since the stream of one ends with it. Events are gathered for one frame, so that a fast job does not render once per tensor. */
export function useJobDetail(id: string, attempt: number): { detail: JobDetail | null; error: AppError | null } {
  const [detail, setDetail] = useState<JobDetail | null>(null)
  const [error, setError] = useState<AppError | null>(null)
  const waiting = useRef<FollowEvent[]>([])
  const frame = useRef<number | null>(null)

  function flush(): void {
    frame.current = null
    const events = waiting.current.splice(0)
    setDetail((before) => events.reduce(applyFollowEvent, before))
  }

  useStream(
    'jobs.follow',
    { id },
    {
      restartKey: attempt,
      onStart() {
        waiting.current = []
        setError(null)
      },
      onEvent(event) {
        waiting.current.push(event)
        frame.current ??= requestAnimationFrame(flush)
      },
      onDone(record) {
        waiting.current.push({ type: 'record', record })
        frame.current ??= requestAnimationFrame(flush)
      },
      onError: setError,
    },
  )
  useEffect(
    () => () => {
      if (frame.current !== null) cancelAnimationFrame(frame.current)
    },
    [],
  )
  return { detail, error }
}
