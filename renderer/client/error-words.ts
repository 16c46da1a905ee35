/** The one place where error codes become words. The message of an error says what happened; these say what it is and what to do. */
import type { ErrorCode } from '../../electron/contract/errors.ts'

export interface ErrorWords {
  readonly title: string
  /** What to try; empty where the message alone says it. */
  readonly nextStep: string
}

const WORDS: Record<ErrorCode, ErrorWords> = {
  'bad-input': { title: 'That cannot be done', nextStep: 'Change the value named above and try again.' },
  'bad-file': {
    title: 'The file cannot be read',
    nextStep: 'It may be incomplete. Copy or download it again, then try once more.',
  },
  'bad-weights': {
    title: 'The weights hold invalid numbers',
    nextStep: 'The tensor named above has NaN or infinite values. Use another copy of the model.',
  },
  unsupported: { title: 'Not supported yet', nextStep: 'Pick another model, or keep this one as it is.' },
  'not-found': { title: 'Not found', nextStep: 'It may have been moved or deleted. Refresh, or add it again.' },
  busy: { title: 'Busy with something else', nextStep: 'Wait for it to finish, or stop it in Jobs.' },
  cancelled: { title: 'Stopped', nextStep: '' },
  'out-of-memory': {
    title: 'Not enough memory',
    nextStep: 'Use fewer bits, a shorter context or fewer programs at once, then try again.',
  },
  'disk-full': {
    title: 'The disk is full',
    nextStep: 'Free some space or choose another folder in Settings, then resume.',
  },
  'not-writable': {
    title: 'The folder cannot be written to',
    nextStep: 'Choose another folder in Settings, or change its permissions.',
  },
  io: { title: 'Reading or writing failed', nextStep: 'Check that the disk is connected and healthy, then try again.' },
  'device-lost': {
    title: 'The device stopped responding',
    nextStep: 'The engine restarts by itself. Try again when it is ready.',
  },
  internal: {
    title: 'Something broke on our side',
    nextStep: 'Copy the details into a bug report. Trying again is safe.',
  },
  'bad-output': { title: 'An answer did not make sense', nextStep: 'Copy the details into a bug report.' },
  'unknown-method': { title: 'The window and the app do not match', nextStep: 'Reload the window.' },
  'engine-lost': {
    title: 'The engine stopped',
    nextStep: 'It restarts by itself, and what was finished is kept. Try again when it is ready.',
  },
  'connection-lost': {
    title: 'Not connected',
    nextStep: 'The window reconnects by itself as soon as the app answers.',
  },
  'version-mismatch': { title: 'The window is of another version', nextStep: 'Reload the window.' },
  network: {
    title: 'The Hub cannot be reached',
    nextStep: 'Check the connection, then resume: what has arrived is kept.',
  },
  'access-denied': {
    title: 'The Hub does not allow this',
    nextStep: 'Accept the conditions on the page named above, or use a token that has the right.',
  },
  'not-allowed': { title: 'Not connected', nextStep: 'Open the app from the address that it printed when it started.' },
}

/** Words for a code. */
export function errorWords(code: ErrorCode): ErrorWords {
  return WORDS[code]
}
