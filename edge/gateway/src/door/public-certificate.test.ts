import { workloadId } from '@countersign/contract'
import { createLog } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { parseCsr, readCertificate, readPem } from '@countersign/ground/x509'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createDoorCertificate, createPki, type Pki, TRUST_DOMAIN } from '../testing/pki.ts'
import { obtainPatiently, type PublicCertificate, renewCertificate } from './public-certificate.ts'

let pki: Pki
let next: Pki
beforeAll(async () => {
  pki = await createPki()
  next = await createPki('next')
})

const keyId = ({ intermediate }: Pki): string => {
  const [der = Buffer.alloc(0)] = readPem(intermediate, 'CERTIFICATE')
  return readCertificate(der).subjectKeyId ?? ''
}

/** As much of a gateway as asks for certificates: the authority signs by `signs`, and says what a test lets it say. */
function house(lifeMs = 40_000) {
  const heard = new Set<() => void>()
  const state = { signs: pki, issuers: [keyId(pki)], revoked: new Set<string>(), said: 0 }
  const shown = new Set<() => readonly { serial: string; issuer: string; notAfter: number }[]>()
  const onChange = (listener: () => void): (() => void) => {
    heard.add(listener)
    return () => void heard.delete(listener)
  }
  const publicDoor = async ({ body }: { body: { csr: string } }) => ({
    chain: await createDoorCertificate(state.signs, parseCsr(body.csr).publicKey, lifeMs),
    bundle: pki.bundle,
    sequence: 1,
  })
  const workload = {
    log: createLog({ service: 'gateway', node: 'gateway-1', level: 'silent' }),
    call: () => ({ publicDoor }) as never,
    identity: {
      id: workloadId(TRUST_DOMAIN, 'gateway'),
      revocations: {
        refusalOf: ({ serial }: { serial: string }) =>
          state.revoked.has(serial) ? ('REVOKED' as const) : undefined,
        onChange,
      },
    } as never,
    trust: {
      status: () => ({ sequence: 1, revision: '1', stale: false, nextUpdate: 0, revoked: false }),
      issuers: () => state.issuers,
      onIssuers: onChange,
      alsoShown: (
        certificates: () => readonly { serial: string; issuer: string; notAfter: number }[],
      ) => {
        shown.add(certificates)
        return () => void shown.delete(certificates)
      },
      say: () => void state.said++,
    },
  }
  return {
    state,
    workload,
    tell: () => {
      for (const listener of [...heard]) listener()
    },
    listeners: () => heard.size,
    shown: () => [...shown].flatMap((each) => each()),
  }
}

/** A life of which a tenth is waited for at most when a certificate is out of use; else it is renewed after 40 %. */
const SHORT_MS = 30_000
const BEFORE_ITS_TIME_MS = 11_500

async function keep(lifeMs?: number) {
  const { workload, ...rest } = house(lifeMs)
  const first = await obtainPatiently(workload, new AbortController().signal)
  const used: PublicCertificate[] = []
  const stop = renewCertificate(workload, first, (fresh) => void used.push(fresh))
  onTestFinished(stop)
  return { ...rest, first, used, stop }
}

describe('the certificate of the public door', () => {
  it('is shown to the authorities as long as it is in use', async () => {
    const { first, shown, stop } = await keep()
    expect(shown()).toEqual([
      { serial: first.serial, issuer: keyId(pki), notAfter: first.notAfter },
    ])
    stop()
    expect(shown()).toEqual([])
  })
  it('is replaced soon after its issuer signs no more, and the authorities hear of it at once', async () => {
    const { state, tell, used, shown, first } = await keep(SHORT_MS)
    state.signs = next
    state.issuers = [keyId(next)]
    tell()
    await until(() => used.length === 1, 'a new certificate', BEFORE_ITS_TIME_MS)
    expect(used[0]?.issuer).toBe(keyId(next))
    expect(shown().map(({ serial }) => serial)).toEqual([used[0]?.serial])
    expect(used[0]?.serial).not.toBe(first.serial)
    expect(state.said).toBe(1)
  })
  it('is replaced when it was taken back', async () => {
    const { state, tell, used, first } = await keep(SHORT_MS)
    state.revoked.add(first.serial)
    tell()
    await until(() => used.length === 1, 'a new certificate', BEFORE_ITS_TIME_MS)
    expect(state.revoked.has(used[0]?.serial ?? '')).toBe(false)
  })
  it('stays as it is while its issuer signs, whatever else changes', async () => {
    const { state, tell, used, listeners, stop } = await keep()
    state.issuers = [keyId(pki), keyId(next)]
    tell()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(used).toEqual([])
    stop()
    await until(() => listeners() === 0, 'nobody listens')
  })
})
