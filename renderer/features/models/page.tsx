import { PageHeader } from '../../ui/page.tsx'

export function ModelsPage() {
  return <PageHeader title="Models" />
}
