/** One line for a person, on stderr: stdout belongs to the command that is run. */
export function say(text) {
  process.stderr.write(`hqq-studio: ${text}\n`)
}

/** A failure whose message is all that a person needs; entry scripts print it without a stack. */
export class SetupError extends Error {}

/** Runs an entry script: its number is the exit code, a SetupError becomes one line and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0
  } catch (error) {
    say(error instanceof SetupError ? error.message : (error?.stack ?? String(error)))
    process.exitCode = 1
  }
}
