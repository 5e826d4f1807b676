/** A program that serves HTTPS with PEM files and knows nothing of the platform: it answers what it was asked. */
export const ECHO_SERVICE = `
const https = require('node:https')
const fs = require('node:fs')
const options = {
  key: fs.readFileSync('server-key.pem'),
  cert: fs.readFileSync('server-cert.pem'),
  ca: fs.readFileSync('ca-cert.pem'),
  requestCert: true,
  rejectUnauthorized: true,
}
const server = https.createServer(options, (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ url: request.url, headers: request.headers, pid: process.pid }))
})
// Longer than callers keep a connection, so that they and not we end it.
server.keepAliveTimeout = 120_000
server.listen(Number(process.argv[2]), '127.0.0.1')
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`
