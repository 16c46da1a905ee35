/** The command line as a whole: its commands, its help, its exit codes. */
import { Command, CommanderError } from 'commander'
import { APP_VERSION } from '../contract/version.ts'
import { addAccountCommands } from './account-commands.ts'
import { addChatCommand } from './chat-command.ts'
import { addCompareCommand } from './compare-command.ts'
import { addConvertCommand } from './convert-command.ts'
import { addDequantizeCommand } from './dequantize-command.ts'
import { addDevicesCommand } from './devices-command.ts'
import { addEstimateCommand } from './estimate-command.ts'
import { addEvaluateCommand } from './evaluate-command.ts'
import { addGenerateCommand } from './generate-command.ts'
import { addHubCommands } from './hub-commands.ts'
import { addLogitsCommand } from './logits-command.ts'
import { addModelCommands } from './model-commands.ts'
import { addOptimizeCommands } from './optimize-commands.ts'
import { EXIT, printError, UsageError } from './output.ts'
import { addPerplexityCommand } from './perplexity-command.ts'
import { addPortabilityCommand } from './portability-command.ts'
import { addQuantizeCommand } from './quantize-command.ts'
import { addReportCommand } from './report-command.ts'
import type { CliHost } from './session.ts'
import { addTensorCommand } from './tensor-command.ts'
import { addVisionCommands } from './vision-commands.ts'

const AFTER_HELP = `
Every command has --help and --json. Results go to stdout, progress and messages to stderr.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled. With --json an error is {"error": {"code", "message"}}.`

/** Runs one command; its exit code is given to the host. Never rejects for what a person did. */
export async function runProgram(args: readonly string[], host: Omit<CliHost, 'setExitCode'>): Promise<number> {
  let exitCode: number = EXIT.done
  const program = createProgram({
    ...host,
    setExitCode(code) {
      exitCode = code
    },
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return printError(host.streams, thrown, args.includes('--json'))
    if (thrown.exitCode === 0) return EXIT.done
    // Its sentence is on stderr already; scripts get theirs on stdout.
    const quiet = { ...host.streams, stderr() {} }
    if (args.includes('--json')) printError(quiet, new UsageError(thrown.message), true)
    return EXIT.usage
  }
}

function createProgram(host: CliHost): Command {
  const program = new Command()
    .name('hqq-studio')
    .description('Quantize language models with Half-Quadratic Quantization, measure them and talk to them.')
    .version(APP_VERSION)
    .addHelpText('after', AFTER_HELP)
    .showHelpAfterError('(--help lists the options)')
    .exitOverride()
    .configureOutput({ writeOut: host.streams.stdout, writeErr: host.streams.stderr })
  addQuantizeCommand(program, host)
  addDequantizeCommand(program, host)
  addConvertCommand(program, host)
  addPortabilityCommand(program, host)
  addPerplexityCommand(program, host)
  addCompareCommand(program, host)
  addReportCommand(program, host)
  addGenerateCommand(program, host)
  addChatCommand(program, host)
  addVisionCommands(program, host)
  addEvaluateCommand(program, host)
  addLogitsCommand(program, host)
  addTensorCommand(program, host)
  addModelCommands(program, host)
  addEstimateCommand(program, host)
  addOptimizeCommands(program, host)
  addHubCommands(program, host)
  addAccountCommands(program, host)
  addDevicesCommand(program, host)
  return program
}
