/** The control plane of the gateways. */
export { readControlSettings } from './config/settings.ts'
export { createControl, part } from './part.ts'
