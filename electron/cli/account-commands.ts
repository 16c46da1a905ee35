/** `login`, `logout`, `whoami`: the account on the Hub. */
import type { Command } from 'commander'
import { AppError } from '../contract/errors.ts'
import type { HubAccount } from '../contract/hub.ts'
import { fields, snakeCase, UsageError } from './output.ts'
import { type CliHost, type CommonOptions, common, runInSession } from './session.ts'

export function addAccountCommands(program: Command, host: CliHost): void {
  const login = program
    .command('login')
    .description('Sign in to the Hub. The token is read from the input, so that it stands in no list of commands.')
  common(login).action((options: CommonOptions) =>
    runInSession(host, options, async ({ services, signal }) => {
      const token = await host.readLine('Token (from the settings of your account on the Hub): ')
      if (token === null || token.trim() === '') throw new UsageError('No token was given.')
      return described(await services.hub.login(token, signal))
    }),
  )
  const logout = program.command('logout').description('Forget the token that was stored here.')
  common(logout).action((options: CommonOptions) =>
    runInSession(host, options, async ({ services, signal }) => described(await services.hub.logout(signal))),
  )
  const whoami = program.command('whoami').description('Say whose token is in use, and where it comes from.')
  common(whoami).action((options: CommonOptions) =>
    runInSession(host, options, async ({ services, signal }) => {
      const account = await services.hub.account(signal)
      if (account.problem !== null) throw AppError.fromShape(account.problem)
      return described(account)
    }),
  )
}

const SOURCES = {
  environment: 'HF_TOKEN',
  app: 'stored by this app',
  'hugging-face-file': "the token file of Python's huggingface_hub",
} as const

function described(account: HubAccount) {
  const { user, tokenSource, endpoint, cacheDir, offline } = account
  const text = fields([
    ['signed in as', user?.name ?? 'nobody'],
    ['token', tokenSource === null ? 'none' : SOURCES[tokenSource]],
    ['may', user?.tokenRole ?? ''],
    ['organizations', user?.orgs.join(', ') ?? ''],
    ['hub', `${endpoint}${offline ? ' (offline mode)' : ''}`],
    ['cache', cacheDir],
  ])
  return { text, json: snakeCase(account) }
}
