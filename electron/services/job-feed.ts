/** Who follows which job, live. */
import type { JobDetail, JobRecord, TensorResult } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'

export type JobEvent =
  | { type: 'snapshot'; detail: JobDetail }
  | { type: 'record'; record: JobRecord }
  | { type: 'tensor'; tensor: TensorResult }
  | { type: 'log'; at: string; text: string }

interface Follower {
  emit(event: JobEvent): void
  finish(record: JobRecord): void
}

export interface JobFeed {
  emit(id: string, event: JobEvent): void
  /** Ends all followers of a job with its final record. */
  finish(id: string, record: JobRecord): void
  follow(id: string, emit: (event: JobEvent) => void, signal: AbortSignal): Promise<JobRecord>
}

export function createJobFeed(): JobFeed {
  const followers = new Map<string, Set<Follower>>()
  const of = (id: string) => [...(followers.get(id) ?? [])]

  return {
    emit(id, event) {
      for (const follower of of(id)) follower.emit(event)
    },
    finish(id, record) {
      for (const follower of of(id)) follower.finish(record)
    },
    follow(id, emit, signal) {
      const all = followers.get(id) ?? new Set()
      followers.set(id, all)
      return new Promise((resolve, reject) => {
        const leave = () => {
          all.delete(follower)
          if (all.size === 0) followers.delete(id)
          signal.removeEventListener('abort', abort)
        }
        const abort = () => {
          leave()
          reject(new AppError('cancelled', 'cancelled'))
        }
        const follower: Follower = {
          emit,
          finish(record) {
            leave()
            resolve(record)
          },
        }
        all.add(follower)
        if (signal.aborted) abort()
        else signal.addEventListener('abort', abort, { once: true })
      })
    },
  }
}
