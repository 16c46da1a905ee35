/** Conversations on disk, one file each, so that a damaged one does not take the others with it. */
import type { Conversation } from '../contract/domain.ts'
import { AppError } from '../contract/errors.ts'
import type { RecordFiles } from './record-files.ts'

type Listed = Pick<Conversation, 'id' | 'title' | 'modelId' | 'createdAt' | 'updatedAt'>

export interface Conversations {
  /** Newest first. */
  list(): Promise<{ chats: Listed[] }>
  get(id: string): Promise<Conversation>
  save(conversation: Conversation): Promise<Conversation>
  remove(id: string): Promise<void>
  /** Ids of the pictures that any of them shows. */
  pictures(): Promise<Set<string>>
}

/** Pictures of a removed conversation stay for its return until the app is started again. */
export function createConversations(files: RecordFiles<Conversation>): Conversations {
  return {
    pictures: async () => new Set((await files.list()).flatMap(picturesIn)),
    async list() {
      const all = await files.list()
      const chats = all.map(({ id, title, modelId, createdAt, updatedAt }) => ({
        id,
        title,
        modelId,
        createdAt,
        updatedAt,
      }))
      return { chats: chats.sort((a, b) => b.updatedAt.localeCompare(a.updatedAt)) }
    },
    async get(id) {
      const conversation = await files.get(id)
      if (conversation === null) throw new AppError('not-found', 'This conversation is not there any more.')
      return conversation
    },
    async save(conversation) {
      await files.set(conversation.id, conversation)
      return conversation
    },
    remove: (id) => files.remove(id),
  }
}

function picturesIn({ messages }: Conversation): string[] {
  return messages.flatMap(({ images = [] }) => images.map(({ id }) => id))
}
