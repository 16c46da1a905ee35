/** strftime for chat templates, with English names whatever the machine's language is: the model was trained on those. */

const MONTHS = 'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** Local time by the C directives that templates use; an unknown directive stays as it is. */
export function formatTime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, bare: string, directive: string) => {
    const number = NUMBERS[directive]?.(date)
    if (number !== undefined) return bare ? String(number[0]) : String(number[0]).padStart(number[1], '0')
    return NAMES[directive]?.(date) ?? whole
  })
}

/** Value and width. */
const NUMBERS: Record<string, (date: Date) => [number, number]> = {
  Y: (date) => [date.getFullYear(), 4],
  y: (date) => [date.getFullYear() % 100, 2],
  m: (date) => [date.getMonth() + 1, 2],
  d: (date) => [date.getDate(), 2],
  H: (date) => [date.getHours(), 2],
  I: (date) => [date.getHours() % 12 || 12, 2],
  M: (date) => [date.getMinutes(), 2],
  S: (date) => [date.getSeconds(), 2],
  j: (date) => [dayOfYear(date), 3],
}

const NAMES: Record<string, (date: Date) => string> = {
  B: (date) => MONTHS[date.getMonth()] ?? '',
  b: (date) => (MONTHS[date.getMonth()] ?? '').slice(0, 3),
  A: (date) => DAYS[date.getDay()] ?? '',
  a: (date) => (DAYS[date.getDay()] ?? '').slice(0, 3),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  '%': () => '%',
}

function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())
  return (day - Date.UTC(date.getFullYear(), 0, 0)) / 86_400_000
}
