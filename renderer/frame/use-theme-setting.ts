import { useEffect } from 'react'
import { useQuery } from '../client/use-query.ts'
import { setTheme } from '../ui/theme.ts'

/** Shows the theme of the settings, whoever changed it. */
export function useThemeSetting(): void {
  const { data } = useQuery('settings.get', {})
  const theme = data?.theme
  useEffect(() => {
    if (theme) setTheme(theme)
  }, [theme])
}
