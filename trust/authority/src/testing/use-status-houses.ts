import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { parseCrl } from '@countersign/ground/x509'
import { afterEach, beforeEach } from 'vitest'
import type { Signer } from '../issuing/ports.ts'
import { type House, type HouseOptions, openHouse, plantTree, type Tree } from './status-house.ts'

/** Authorities in one folder and under one tree, anew for each test of a file. */
export class StatusHouses {
  /** The folder of the test: an authority that is started again finds what it has kept. */
  path = ''
  /** How far the clock of the authorities is ahead of the machine's. */
  shiftMs = 0
  #tree: Tree | undefined
  #closing: (() => Promise<unknown>)[] = []

  get tree(): Tree {
    if (this.#tree === undefined) throw new Error('a tree is planted before each test')
    return this.#tree
  }
  async begin(path: string): Promise<void> {
    this.path = path
    this.shiftMs = 0
    this.#tree = await plantTree('authority-1', 'authority-2')
  }
  /** Milliseconds since 1970 by the clock of the authorities. */
  readonly now = (): number => Date.now() + this.shiftMs

  /** Writes a file into the folder, for a program to read; its path. */
  readonly file = (name: string, content: string | Buffer): string => {
    const path = join(this.path, name)
    writeFileSync(path, content)
    return path
  }

  async start(instance = 'authority-1', options: Partial<HouseOptions> = {}): Promise<House> {
    const { path: folder, tree, now } = this
    const house = await openHouse({ folder, tree, instance, now, ...options })
    this.#closing.push(house.close)
    return house
  }
  async stop(house: House): Promise<void> {
    this.#closing = this.#closing.filter((each) => each !== house.close)
    await house.close()
  }
  /** Closed behind the test, before what was opened earlier. */
  closeLater(close: () => Promise<unknown>): void {
    this.#closing.push(close)
  }
  async end(): Promise<void> {
    const closing = this.#closing.reverse()
    this.#closing = []
    for (const close of closing) await close()
  }
}

export function useStatusHouses(): StatusHouses {
  const houses = new StatusHouses()
  let folder: ReturnType<typeof temporaryFolder> | undefined
  beforeEach(async () => {
    folder = temporaryFolder()
    await houses.begin(folder.path)
  })
  afterEach(async () => {
    await houses.end()
    folder?.[Symbol.dispose]()
  })
  return houses
}

/** The CA that an authority signs with. */
export function signerOf({ tree }: StatusHouses, instance: string): Signer {
  const signer = tree.signers(instance).at(-1)
  if (signer === undefined) throw new Error('no signer')
  return signer
}

/** The serials on the list of what an authority has signed. */
export function listedBy(houses: StatusHouses, house: House): string[] {
  const { id } = signerOf(houses, house.instance)
  const { der } = house.status.crls.find(id) ?? { der: Buffer.alloc(0) }
  return parseCrl(der).revoked.map(({ serial }) => serial)
}
/** The hash of the key that a certificate was issued for; empty where there is no such certificate. */
export const keyHashOf = (house: House, serial: string): string =>
  house.authority.issued.find(serial)?.keyHash ?? ''
