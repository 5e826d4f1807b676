/** Waiting: by the clock on the wall, and for one's turn. */
export { Portions } from './portions.ts'
export { waitUntil, WallTimer } from './wall-timer.ts'
