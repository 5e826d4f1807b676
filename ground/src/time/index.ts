/** Waiting by the clock on the wall. */
export { waitUntil, WallTimer } from './wall-timer.ts'
