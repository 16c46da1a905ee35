import { useState } from 'react'
import { useStore } from 'zustand'
import type { AppError } from '../../../electron/contract/errors.ts'
import { useStream } from '../../client/use-stream.ts'
import { createJobFollower, type FollowedJob } from './job-follow.ts'

/** Follows a job by id, through reloads and reconnects. */
export function useJobFollow(jobId: string): FollowedJob & { error: AppError | null } {
  const [follower] = useState(() => createJobFollower((flush) => void requestAnimationFrame(flush)))
  const [error, setError] = useState<AppError | null>(null)
  useStream(
    'jobs.follow',
    { id: jobId },
    {
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
