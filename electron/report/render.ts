/** A report as the text of a file. */
import type { Report, ReportFormat } from '../contract/report.ts'
import { reportToHtml } from './html.ts'
import { reportToMarkdown } from './markdown.ts'

export function renderReport(report: Report, format: ReportFormat): string {
  if (format === 'html') return reportToHtml(report)
  return format === 'md' ? reportToMarkdown(report) : `${JSON.stringify(report, null, 2)}\n`
}
