import { CloudDownload } from 'lucide-react'
import { useState } from 'react'
import { type HubQuery, hubQuerySchema } from '../../../electron/contract/hub.ts'
import { useRoute } from '../../client/route.ts'
import { EmptyState } from '../../ui/empty-state.tsx'
import { SplitPane } from '../../ui/split-pane.tsx'
import { HubModelView } from './model-view.tsx'
import { SearchPane } from './search-pane.tsx'
import { useHubSearch } from './use-hub-search.ts'

/** Hub: what can be found there, left; one model of it, right. */
export function HubPage() {
  const { params } = useRoute()
  const [query, setQuery] = useState<HubQuery>(() => hubQuerySchema.parse({ supported: true, quantized: 'none' }))
  const search = useHubSearch(query)
  const selected = params.repo ?? null
  return (
    <SplitPane
      id="hub"
      listLabel="Search"
      listWidth={360}
      list={<SearchPane query={query} onQuery={setQuery} search={search} selected={selected} />}
    >
      {selected === null ? (
        <EmptyState icon={CloudDownload} title="Choose a model">
          Search by name on the left. What a model needs at each number of bits is shown before anything is fetched.
        </EmptyState>
      ) : (
        <HubModelView key={selected} repo={selected} />
      )}
    </SplitPane>
  )
}
