import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import { type Authority, openAuthority } from '../issuing/authority.ts'
import { watchIssued } from '../issuing/issued-watch.ts'
import { openStore } from '../store/store.ts'
import { createRevocations, openPki, silent, TRUST_DOMAIN } from './test-pki.ts'

/*
 * Issues certificates as fast as it can, many in flight, until it is killed. Says on its standard output what it lets
 * go (`released <serial>`) and what it tells the audit log (`abandoned <serial>`); a line is out before the next step.
 */
const IN_FLIGHT = 32
const [folder = ''] = process.argv.slice(2)
// Whoever is killed writes no cache at its end.
flushCompileCache()
const say = (what: string, serial: string): void => void writeSync(1, `${what} ${serial}\n`)

const pki = openPki(folder)
const store = openStore(join(folder, 'authority-1'))
const authority = await openAuthority({
  ...{ folder, instance: 'authority-1', trustDomain: TRUST_DOMAIN, store, log: silent },
  ...{ signers: pki.signersOf('authority-1'), trust: pki, revocations: createRevocations() },
  leafLifetimeSeconds: 3_600,
})
const events = {
  abandoned: async ({ serial }: { serial: string }) => say('abandoned', serial),
  unclaimed: async () => undefined,
}
const watch = watchIssued({ store, issued: authority.issued, events, log: silent })
void watch.look()
const id = workloadId(TRUST_DOMAIN, 'order')
const csr = await createCsr({ id, privateKey: (await generateKeyPair()).privateKey })
await Promise.all(Array.from({ length: IN_FLIGHT }, (_, i) => issueForever(authority, i)))

async function issueForever(at: Authority, first: number): Promise<void> {
  for (let i = first; ; i++) {
    const request = { profile: 'workload', kind: 'join', name: 'order', csr } as const
    const prepared = await at.prepare(request)
    if (i % 16 === 0) await prepared.cancel('a refusal between the two acts')
    else {
      await prepared.commit()
      say('released', prepared.serial)
    }
  }
}
