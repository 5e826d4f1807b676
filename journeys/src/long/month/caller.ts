import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import { toldEnv } from '../../config/env.ts'

/** What a caller has seen so far. */
export interface Findings {
  readonly instance: string
  readonly made: number
  readonly failed: number
  readonly failures: readonly string[]
  /** Key ids of the intermediates that it has shown or been shown. */
  readonly issuers: readonly string[]
}

const PAUSE_MS = 50
const TELL_MS = 2_000
const FAILURES_MAX = 50

/** Makes a full handshake with one door after the other, with the certificate of the moment, and tells the parent. */
export function startCalling(workload: Workload): void {
  const doors = JSON.parse(toldEnv().MONTH_DOORS ?? '[]') as { name: string; port: number }[]
  const failures: string[] = []
  const issuers = new Set<string>()
  let made = 0
  let failed = 0
  const knock = async (): Promise<void> => {
    for (let turn = 0; ; turn++) {
      const door = doors[turn % doors.length]
      if (door === undefined) return
      const fault = await handshake(door.port, workload, issuers)
      made += 1
      if (fault !== undefined) {
        failed += 1
        const when = new Date().toISOString()
        if (failures.length < FAILURES_MAX) failures.push(`${when} ${door.name}: ${fault}`)
      }
      await new Promise((done) => setTimeout(done, PAUSE_MS))
    }
  }
  // Once all doors are up.
  process.once('message', () => void knock())
  setInterval(() => {
    const told: Findings = {
      ...{ instance: workload.instance, made, failed, failures },
      issuers: [...issuers],
    }
    process.send?.(told)
  }, TELL_MS)
}

function handshake(
  port: number,
  { identity }: Workload,
  issuers: Set<string>,
): Promise<string | undefined> {
  const { chain, key } = identity.current()
  issuers.add(readCertificate(new X509Certificate(chain).raw).authorityKeyId ?? '')
  return new Promise((done) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, cert: chain, key, ca: identity.bundle() },
      ...{ minVersion: 'TLSv1.3', ALPNProtocols: ['http/1.1'] },
      checkServerIdentity: () => undefined,
    })
    const end = (fault: string | undefined): void => {
      socket.destroy()
      done(fault)
    }
    socket.once('secureConnect', () => {
      const issuer = socket.getPeerX509Certificate()?.issuerCertificate
      if (issuer !== undefined) issuers.add(keyIdOf(issuer))
      socket.write('GET /healthz HTTP/1.1\r\nhost: month\r\n\r\n')
    })
    socket.once('data', (bytes) => {
      const status = bytes.toString('latin1', 9, 12)
      end(status === '200' ? undefined : `answered ${status}`)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.once('close', () => end('hung up'))
    socket.setTimeout(10_000, () => end('no answer in time'))
  })
}
