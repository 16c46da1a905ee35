/**
 * Blind A/B votes. Which version is on which side is drawn and kept here until the vote is cast: the page cannot know it, so nobody
 * can see it there. Votes are records; tallies are counted from them.
 */
import { randomInt, randomUUID } from 'node:crypto'
import type { Ballot, BlindEvent, BlindRequest, Side, Tally, Vote } from '../contract/difference.ts'
import { AppError } from '../contract/errors.ts'
import { tallyOf } from '../plan/tally.ts'
import type { StreamContext } from '../rpc/server.ts'
import type { RecordFiles } from './record-files.ts'
import { type SideBySideDeps, writeAnswers } from './side-by-side.ts'

/** What a cast vote uncovers. */
export interface Revealed {
  left: string
  right: string
  tally: Tally
}

export interface BlindVotes {
  /** Writes both answers; the id is what the vote refers to. */
  ask(request: BlindRequest, context: StreamContext<BlindEvent>): Promise<{ id: string; left: string; right: string }>
  /** Throws `not-found` for a pair that was voted on already, or is of an earlier run of the app. */
  vote(id: string, ballot: Ballot): Promise<Revealed>
  /** For any order of the pair; `first` counts for modelIds[0]. */
  tally(modelIds: readonly [string, string]): Promise<Tally>
  /** Forgets the votes between two versions. */
  clear(modelIds: readonly [string, string]): Promise<void>
  forgetModel(modelId: string): Promise<void>
}

export interface BlindVotesDeps extends SideBySideDeps {
  votes: RecordFiles<Vote>
  now(): Date
}

/** Pairs that were asked for and never voted on are forgotten from the oldest. */
const MAX_OPEN = 50

export function createBlindVotes(deps: BlindVotesDeps): BlindVotes {
  const { votes, now } = deps
  const open = new Map<string, Omit<Vote, 'ballot' | 'at'>>()

  const between = async (modelIds: readonly [string, string]): Promise<Vote[]> => {
    const all = await votes.list()
    return all.filter(({ left, right }) => modelIds.includes(left.modelId) && modelIds.includes(right.modelId))
  }

  async function tally(modelIds: readonly [string, string]): Promise<Tally> {
    const count = { first: 0, second: 0, ties: 0 }
    for (const { left, right, ballot } of await between(modelIds)) {
      if (ballot === 'tie') count.ties++
      else if ((ballot === 'left' ? left : right).modelId === modelIds[0]) count.first++
      else count.second++
    }
    return tallyOf(count)
  }

  return {
    async ask({ modelIds, prompt, sampling }, { signal, emit }) {
      if (modelIds[0] === modelIds[1]) throw new AppError('bad-input', 'Choose two different versions.')
      const [left, right] = randomInt(2) === 0 ? modelIds : [modelIds[1], modelIds[0]]
      const sideOf = (modelId: string): Side => (modelId === left ? 'left' : 'right')
      const seed = sampling.seed ?? deps.randomSeed()
      const options = {
        ...{ modelIds: [left, right], prompt, sampling: { ...sampling, seed }, signal, wait: false },
        purpose: 'two answers for a vote',
        onLoading: (modelId: string) => emit({ type: 'loading', side: sideOf(modelId) }),
        onText: (modelId: string, delta: string) => emit({ type: 'text', side: sideOf(modelId), delta }),
      }
      const texts = await writeAnswers(deps, options, async (answers) => answers.map(({ text }) => text))
      const id = randomUUID()
      const [leftText = '', rightText = ''] = texts
      open.set(id, { id, prompt, left: { modelId: left, text: leftText }, right: { modelId: right, text: rightText } })
      const [oldest] = open.keys()
      if (open.size > MAX_OPEN && oldest !== undefined) open.delete(oldest)
      return { id, left: leftText, right: rightText }
    },
    async vote(id, ballot) {
      const asked = open.get(id)
      if (asked === undefined) {
        throw new AppError('not-found', 'This pair of answers is not open for a vote any more. Ask for another one.')
      }
      open.delete(id)
      await votes.set(id, { ...asked, ballot, at: now().toISOString() })
      const [left, right] = [asked.left.modelId, asked.right.modelId]
      return { left, right, tally: await tally([left, right]) }
    },
    tally,
    async clear(modelIds) {
      for (const { id } of await between(modelIds)) await votes.remove(id)
    },
    async forgetModel(modelId) {
      for (const { id, left, right } of await votes.list()) {
        if (left.modelId === modelId || right.modelId === modelId) await votes.remove(id)
      }
    },
  }
}
