import { inject } from 'vitest'
import { Platform } from './platform.ts'

/** The platform that the journeys of this project share. */
export function sharedPlatform(): Platform {
  const publicPort = inject('publicPort')
  return new Platform(inject('home'), publicPort, { COUNTERSIGN_PUBLIC_PORT: String(publicPort) })
}
