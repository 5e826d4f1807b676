import { CONTACT_CHARS_MAX, CONTACTS_MAX } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'

/*
 * Where an account may be reached (RFC 8555, 7.3): `mailto:` with one address and no header fields. Nothing is sent
 * anywhere; the operator sees them.
 */
const ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}$/

/** Throws `AcmeProblem` unsupportedContact or invalidContact. */
export function checkContacts(contacts: readonly string[]): readonly string[] {
  if (contacts.length > CONTACTS_MAX)
    throw new AcmeProblem('invalidContact', `at most ${CONTACTS_MAX} contacts are kept`)
  for (const contact of contacts) {
    if (!contact.startsWith('mailto:'))
      throw new AcmeProblem('unsupportedContact', 'contacts are of the form mailto:…')
    const address = contact.slice('mailto:'.length)
    if (contact.length > CONTACT_CHARS_MAX || address.includes('?') || !ADDRESS.test(address))
      throw new AcmeProblem('invalidContact', 'a contact is not one mail address')
  }
  return contacts
}
