/** The answer that leads a browser on, which nobody keeps. */
export const redirect = (location: string, headers: readonly string[] = []) => ({
  status: 302,
  headers: ['location', location, 'cache-control', 'no-store', ...headers],
  body: '',
})
