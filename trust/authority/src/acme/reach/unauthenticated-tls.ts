/**
 * For TLS to a name that has no certificate yet: what it shows is not verified on the way. Only validations use this,
 * and nothing is believed because of such a connection - either the certificate itself is the answer, judged by its own
 * rules (RFC 8737), or the body is, as it would be over plain HTTP (RFC 8555, 8.3).
 *
 * @deprecated Never for anything that sends a secret, or believes what it gets.
 */
export const UNAUTHENTICATED_TLS = { minVersion: 'TLSv1.2', rejectUnauthorized: false } as const
