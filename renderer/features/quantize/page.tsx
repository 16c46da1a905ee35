import { PageHeader } from '../../ui/page.tsx'

export function QuantizePage() {
  return <PageHeader title="Quantize" />
}
