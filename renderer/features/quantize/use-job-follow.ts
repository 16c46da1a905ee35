import { useState } from 'react'
import { useStore } from 'zustand'
import type { AppError } from '../../../electron/contract/errors.ts'
import { useStream } from '../../client/use-stream.ts'
import { createJobFollower, type FollowedJob } from './job-follow.ts'

/** Follows a job by id, through reloads and reconnects. `attempt` counts its runs: the stream of one ends with it. */
export function useJobFollow(jobId: string, attempt: number): FollowedJob & { error: AppError | null } {
  const [follower] = useState(() => createJobFollower((flush) => void requestAnimationFrame(flush)))
  const [error, setError] = useState<AppError | null>(null)
  useStream(
    'jobs.follow',
    { id: jobId },
    {
      restartKey: attempt,
      onStart() {
        follower.reset()
        setError(null)
      },
      onEvent: follower.receive,
      onDone: follower.finish,
      onError: setError,
    },
  )
  return { ...useStore(follower.state), error }
}
