/** What the probe is told by whoever starts it. */
export interface ProbeSettings {
  readonly home: string
  readonly rounds: number
  readonly doors: readonly { readonly name: string; readonly port: number }[]
  readonly trustDomain: string
  readonly joinPort: number
}

export function settingsOf(env: Readonly<Record<string, string | undefined>>): ProbeSettings {
  const told = JSON.parse(env.JOURNEY_PROBE ?? '{}') as Omit<
    ProbeSettings,
    'joinPort' | 'trustDomain'
  >
  const joinPort = Number(env.COUNTERSIGN_JOIN?.split(',')[0]?.split(':')[1])
  return { ...told, joinPort, trustDomain: env.COUNTERSIGN_TRUST_DOMAIN ?? '' }
}
