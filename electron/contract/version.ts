declare const __APP_VERSION__: string

/** Version of package.json, put in by the bundlers and the test runner. Both ends compare it in `app.hello`. */
export const APP_VERSION: string = __APP_VERSION__
