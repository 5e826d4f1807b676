#!/usr/bin/env node
// Runs on any Node from 20: hands over to the Node 24 that `npm ci` brought, where sources run as they are.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
console.log(process.version)
