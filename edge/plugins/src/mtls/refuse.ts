import { Refusal } from '@countersign/layers'

/** Kong tells the client no more than this; the rule is for the log. */
export const refuseCertificate = (why: string): Refusal =>
  new Refusal('CREDENTIAL_INVALID', {
    message: 'TLS certificate failed verification',
    rule: `mtls-auth: ${why}`,
    remedy: 'connect with a certificate that is good for a client, of one of the CAs of the plugin',
  })
