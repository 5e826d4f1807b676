import { generateKeyPair } from '@countersign/ground/x509'
import type { Refusal } from '@countersign/layers'
import { type DoorOptions, PublicDoor } from '../door/public-door.ts'
import { createDoorCertificate, type Pki } from './pki.ts'

/* A public door without a gateway behind it. */

export interface SmallDoor {
  readonly door: PublicDoor
  readonly port: number
  readonly ca: string
  /** Why connections were refused before there was a request. */
  readonly turnedAway: string[]
  /** Whose fault each of them was, where somebody is to blame. */
  readonly blamed: (string | undefined)[]
  /** Answers to bytes that were no request. */
  readonly refusals: Refusal[]
}

export async function smallDoor(
  pki: Pki,
  options: Pick<DoorOptions, 'onRequest'> & Partial<DoorOptions>,
): Promise<SmallDoor> {
  const turnedAway: string[] = []
  const blamed: (string | undefined)[] = []
  const refusals: Refusal[] = []
  const door = new PublicDoor({
    listen: { host: '127.0.0.1', port: 0 },
    proxyPeers: undefined,
    certificate: await doorCertificate(pki),
    events: {
      refusedConnection: (why, address) => {
        turnedAway.push(why)
        blamed.push(address)
      },
      refusedBytes: ({ refusal }) => void refusals.push(refusal),
    },
    ...options,
  })
  const { port } = await door.listen()
  return { door, port, ca: pki.bundle, turnedAway, blamed, refusals }
}

export async function doorCertificate(pki: Pki): Promise<{ cert: string; key: string }> {
  const keys = await generateKeyPair()
  const cert = await createDoorCertificate(pki, keys.publicKey)
  return { cert, key: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() }
}
