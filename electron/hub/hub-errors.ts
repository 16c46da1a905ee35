/** What the Hub's refusals mean, in words a person can act on. */
import { AppError } from '../contract/errors.ts'
import type { HttpResponse } from './transport.ts'

/** Whom a request was about: `owner/name`, and its page for people. */
export interface Subject {
  readonly repo: string
  readonly page: string
}

/** What an answer that is neither good nor worth another try means. `signedIn`: a token was sent with the request. */
export function refusal(response: HttpResponse, subject: Subject | null, signedIn: boolean): AppError {
  const { status } = response
  const code = response.header('x-error-code')
  const told = oneLine(response.header('x-error-message'))
  const data = { status, ...(subject === null ? {} : { repo: subject.repo, page: subject.page }) }
  const name = subject?.repo ?? response.url.host
  if (code === 'GatedRepo' || (status === 403 && /gated|awaiting/i.test(told))) {
    return new AppError('access-denied', gatedWords(subject, signedIn, told), data)
  }
  if (code === 'RevisionNotFound') {
    return new AppError(
      'not-found',
      `${name} has no such branch, tag or commit. Leave the revision out to take its main one.`,
      data,
    )
  }
  if (code === 'EntryNotFound') return new AppError('not-found', `${name} has no such file in this revision.`, data)
  if (status === 401 && /invalid|expired/i.test(told)) {
    return new AppError(
      'access-denied',
      'The Hub does not know this token. It may have been revoked: sign in with another.',
      data,
    )
  }
  if (status === 401 || status === 404 || code === 'RepoNotFound') {
    const hint = signedIn
      ? 'Check the name. If it is private, this account needs access to it, and a fine-grained token needs the right "Read access to contents" for it.'
      : 'Check the name. If it is private, sign in with a token that may read it.'
    return new AppError(
      status === 404 || code === 'RepoNotFound' ? 'not-found' : 'access-denied',
      `${name} is not there, or is private. ${hint}`,
      data,
    )
  }
  if (status === 403) {
    const why = told === '' ? 'This token lacks a right.' : told
    return new AppError(
      'access-denied',
      `The Hub refuses ${name}: ${why} A fine-grained token needs read access to its contents, and write access to upload.`,
      data,
    )
  }
  return new AppError('network', `${response.url.host} answered ${status}${told === '' ? '' : `: ${told}`}.`, data)
}

function gatedWords(subject: Subject | null, signedIn: boolean, told: string): string {
  const page = subject?.page ?? 'its page'
  if (/awaiting|pending/i.test(told)) {
    return `${subject?.repo} is gated and its authors have not answered yet. See ${page}.`
  }
  return signedIn
    ? `${subject?.repo} is gated: accept its conditions at ${page} with the account of this token. A fine-grained token also needs the right "Read access to contents of all public gated repos you can access".`
    : `${subject?.repo} is gated: accept its conditions at ${page}, then sign in with a token of that account.`
}

/** A header is text of a stranger: short, and without line breaks or control characters. */
function oneLine(text: string | null): string {
  return (text ?? '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 300)
}

/** Failures of the network, told apart from those of a program. */
const NETWORK_CODES = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH'],
  ...['EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'ESTALLED', 'ERR_STREAM_PREMATURE_CLOSE', 'EPROTO'],
  ...['HPE_INVALID_CONSTANT', 'HPE_INVALID_CONTENT_LENGTH', 'HPE_CHUNK_EXTENSIONS_OVERFLOW', 'ERR_STREAM_DESTROYED'],
])

export function isNetworkFailure(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  if (error.message === 'aborted' || error.message === 'socket hang up') return true
  return 'code' in error && NETWORK_CODES.has(String(error.code))
}
