/** The contract lies with the SDK, which calls it itself. */
export { authority } from '@countersign/contract/platform'
