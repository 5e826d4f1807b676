/** Waits for the beginning of a second, so that a burst falls into one window of a limit. */
export const nextSecond = (): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, 1_020 - (Date.now() % 1_000)))

/** Makes a burst again, each time as another one, until one has begun and ended within a second. */
export async function withinOneSecond<T>(burst: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < 10; attempt++) {
    await nextSecond()
    const second = Math.floor(Date.now() / 1_000)
    const outcome = await burst(attempt)
    if (Math.floor(Date.now() / 1_000) === second) return outcome
  }
  throw new Error('no burst ended within its second')
}
