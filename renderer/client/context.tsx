import { createContext, type ReactNode, useContext, useMemo } from 'react'
import { useStore } from 'zustand'
import type { AppClient, Connection, ConnectionState } from './connection.ts'
import { createQueryCache, type QueryCache } from './query-cache.ts'

interface ClientContextValue {
  readonly connection: Connection
  readonly cache: QueryCache
}

const ClientContext = createContext<ClientContextValue | null>(null)

/** Gives everything below it the connection and the cache. `cache` defaults to a new one. */
export function ClientProvider({ connection, children }: { connection: Connection; children: ReactNode }) {
  const value = useMemo(() => ({ connection, cache: createQueryCache(connection) }), [connection])
  return <ClientContext value={value}>{children}</ClientContext>
}

function useClientContext(): ClientContextValue {
  const value = useContext(ClientContext)
  if (!value) throw new Error('No ClientProvider above this component.')
  return value
}

/** The typed client, for actions. Reading goes through useQuery and useWatch. */
export function useClient(): AppClient {
  return useClientContext().connection.client
}

/** The cache, to invalidate after an action. */
export function useQueryCache(): QueryCache {
  return useClientContext().cache
}

export function useConnection(): ConnectionState & Pick<Connection, 'retry'> {
  const { connection } = useClientContext()
  return { ...useStore(connection.store), retry: connection.retry }
}
