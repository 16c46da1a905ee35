/** A report as a file for the window, with progress while figures are measured. */
import type { JobProgress } from '../contract/domain.ts'
import type { ReportFormat, ReportRequest } from '../contract/report.ts'
import { renderReport } from '../report/render.ts'
import type { StreamContext } from '../rpc/server.ts'
import { createProgressReporter } from './job-runner.ts'
import type { Reports } from './reports.ts'

export interface ReportFile {
  fileName: string
  mediaType: string
  text: string
}

const MEDIA_TYPES: Readonly<Record<ReportFormat, string>> = {
  html: 'text/html',
  md: 'text/markdown',
  json: 'application/json',
}

export async function makeReportFile(
  reports: Reports,
  { format, ...request }: ReportRequest,
  { signal, emit }: StreamContext<JobProgress>,
): Promise<ReportFile> {
  const progress = createProgressReporter(emit, () => performance.now())
  const context = { signal, jobId: 'report', attempt: 1, progress, tensor() {}, log() {} }
  const report = await reports.make(request, context)
  const name = report.model.name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '')
  return {
    fileName: `${name === '' ? 'model' : name}-report.${format}`,
    mediaType: MEDIA_TYPES[format],
    text: renderReport(report, format),
  }
}
