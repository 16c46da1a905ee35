/** Stop strings as a person types them: one a line, `\n` and `\t` for a line break and a tab, `\\` for a backslash. */

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\' }

/** The stop strings of the field's text; empty lines mean nothing. */
export function parseStopTexts(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\\(.)/g, (whole, letter: string) => ESCAPES[letter] ?? whole))
}

export function formatStopTexts(stopStrings: readonly string[]): string {
  return stopStrings
    .map((stop) => stop.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t'))
    .join('\n')
}
