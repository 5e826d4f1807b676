import type {
  AclGroup,
  CaCertificate,
  Consumer,
  Directory,
  JwtSecret,
  KeyAuthCredential,
  MtlsAuthCredential,
} from '@countersign/kong'

const entity = { created_at: 1_700_000_000, updated_at: 1_700_000_000, tags: null }

/** Consumers and credentials of a test. */
export class TestDirectory implements Directory {
  readonly consumers: Consumer[] = []
  readonly jwtSecrets: JwtSecret[] = []
  readonly keys: KeyAuthCredential[] = []
  readonly subjects: MtlsAuthCredential[] = []
  readonly acls: AclGroup[] = []
  readonly authorities: CaCertificate[] = []

  add(username: string, custom_id: string | null = null): Consumer {
    const consumer = { ...entity, id: `id-${username}`, username, custom_id }
    this.consumers.push(consumer)
    return consumer
  }
  addJwt(of: Consumer, secret: Partial<JwtSecret> & { readonly key: string }): JwtSecret {
    const none = { secret: null, rsa_public_key: null, algorithm: 'HS256' }
    const id = `jwt-${secret.key}`
    const credential = { ...entity, id, consumer: { id: of.id }, ...none, ...secret }
    this.jwtSecrets.push(credential)
    return credential
  }
  addKey(of: Consumer, key: string, changes: Partial<KeyAuthCredential> = {}): KeyAuthCredential {
    const credential = { ...entity, id: `key-${key}`, consumer: { id: of.id }, key, ttl: null }
    this.keys.push({ ...credential, ...changes })
    return credential
  }
  addGroup(of: Consumer, group: string): void {
    this.acls.push({ ...entity, id: `acl-${group}`, consumer: { id: of.id }, group })
  }
  addAuthority(id: string, cert: string, tags: string[] | null = null): void {
    this.authorities.push({ ...entity, id, cert, cert_digest: '', tags })
  }
  addSubject(of: Consumer, subject_name: string, authority: string | null = null): void {
    const ca_certificate = authority === null ? null : { id: authority }
    const id = `mtls-${subject_name}`
    this.subjects.push({ ...entity, id, consumer: { id: of.id }, subject_name, ca_certificate })
  }

  consumer(idOrName: string): Consumer | undefined {
    return this.consumers.find((one) => one.id === idOrName || one.username === idOrName)
  }
  consumerByCustomId(customId: string): Consumer | undefined {
    return this.consumers.find((one) => one.custom_id === customId)
  }
  jwtSecret(key: string) {
    return this.#with(this.jwtSecrets.find((one) => one.key === key))
  }
  keyAuth(key: string) {
    return this.#with(this.keys.find((one) => one.key === key))
  }
  mtlsAuth(subjectName: string) {
    const found = this.subjects.filter((one) => one.subject_name === subjectName)
    return found.flatMap((credential) => this.#with(credential) ?? [])
  }
  groups(consumer: string): readonly AclGroup[] {
    return this.acls.filter((one) => one.consumer.id === consumer)
  }
  caCertificate(idOrTag: string): CaCertificate | undefined {
    return this.authorities.find(({ id, tags }) => id === idOrTag || tags?.includes(idOrTag))
  }

  #with<C extends { readonly consumer: { readonly id: string } }>(credential: C | undefined) {
    const consumer = credential && this.consumer(credential.consumer.id)
    return credential && consumer && { credential, consumer }
  }
}
