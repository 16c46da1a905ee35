import { PageHeader } from '../../ui/page.tsx'

export function ComparePage() {
  return <PageHeader title="Compare" />
}
