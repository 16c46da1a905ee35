import { PageHeader } from '../../ui/page.tsx'

export function JobsPage() {
  return <PageHeader title="Jobs" />
}
