/** Decides which gateway takes a connection. Never reads inside TLS. */
export { type Balancer, createBalancer } from './balancer.ts'
export { readBalancerSettings, type Settings } from './config/settings.ts'
export { part } from './part.ts'
