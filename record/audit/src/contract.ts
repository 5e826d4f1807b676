/** What the audit log answers. The declaration lies with the other contracts that the SDK itself calls. */
export { audit } from '@countersign/contract/platform'
