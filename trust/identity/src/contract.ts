/** What the identity provider answers, and what it asks of the service that knows the people. */
export { identity, people } from '@countersign/contract/platform'
