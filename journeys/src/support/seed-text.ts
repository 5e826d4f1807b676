import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const FILE = join(import.meta.dirname, '../../testdata/seed-1.txt')

/** What the first seed says, word for word: how Kong is configured, and the service that stands behind it. */
export function readSeed(): { readonly calls: string; readonly service: string } {
  const text = readFileSync(FILE, 'utf8')
  return {
    calls: between(text, '# Define a service in Kong', 'Example Configuration: Microservice'),
    service: between(text, "const express = require('express');", undefined),
  }
}

function between(text: string, first: string, after: string | undefined): string {
  const from = text.indexOf(first)
  const to = after === undefined ? text.length : text.indexOf(after, from)
  if (from < 0 || to < 0) throw new Error(`the seed does not say ${JSON.stringify(first)}`)
  return `${text.slice(from, to).trimEnd()}\n`
}

/** The same text with some words exchanged. Throws where one of them is not there once. */
export function exchange(text: string, words: readonly (readonly [string, string])[]): string {
  return words.reduce((done, [from, to]) => {
    if (done.split(from).length !== 2) throw new Error(`not there once: ${JSON.stringify(from)}`)
    return done.replace(from, () => to)
  }, text)
}
