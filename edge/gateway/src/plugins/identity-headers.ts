import type { Consumer } from '@countersign/kong'

/** Who asks, as far as plugins have proven it. */
export interface Proven {
  readonly consumer: Consumer | undefined
  readonly credentialId: string | undefined
  readonly anonymous: boolean
  /** By which groups the request was let pass. */
  readonly toldGroups: readonly string[] | undefined
}

/** Tells the service who asks, under Kong's names. What a client said under these names was taken away before. */
export function addIdentityHeaders(headers: string[], proven: Proven): void {
  const { consumer, credentialId, anonymous, toldGroups } = proven
  if (consumer !== undefined) {
    headers.push('x-consumer-id', consumer.id)
    if (consumer.custom_id !== null)
      headers.push('x-consumer-custom-id', headerText(consumer.custom_id))
    if (consumer.username !== null)
      headers.push('x-consumer-username', headerText(consumer.username))
  }
  if (credentialId !== undefined) headers.push('x-credential-identifier', headerText(credentialId))
  if (anonymous) headers.push('x-anonymous-consumer', 'true')
  if (toldGroups !== undefined && toldGroups.length > 0) {
    const name = consumer === undefined ? 'x-authenticated-groups' : 'x-consumer-groups'
    headers.push(name, toldGroups.map(headerText).join(', '))
  }
}

/** UTF-8 as bytes, as Kong sends it; what no header can hold is left out. */
function headerText(text: string): string {
  const latin1 = Buffer.from(text).toString('latin1')
  let kept = ''
  for (const each of latin1) if (each >= ' ' && each !== '\x7f') kept += each
  return kept
}
