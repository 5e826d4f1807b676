/** The contract that this room answers. It lies with the mesh, because the SDK itself calls it. */
export { registry } from '@countersign/contract/platform'
