import type { ProgramFacts } from './programs.ts'

const MODULES = '/usr/lib/apache2/modules'
const LOADED = [
  ...['mpm_event', 'authn_core', 'authz_core', 'headers', 'ssl', 'socache_shmcb'],
  ...['proxy', 'proxy_http'],
]

/**
 * Apache as an origin, with its parser as strict as it is by default: it passes on what it has made of the request, with the
 * request line as it saw it. Bounds above those of the gateway.
 */
export const apacheConfiguration = ({ folder, port, recorderPort }: ProgramFacts): string => `
${LOADED.map((each) => `LoadModule ${each}_module ${MODULES}/mod_${each}.so`).join('\n')}
User www-data
Group www-data
ServerName localhost
ServerRoot ${folder}
DefaultRuntimeDir ${folder}
Mutex pthread
PidFile ${folder}/apache.pid
ErrorLog ${folder}/error.log
LogLevel crit
Listen 127.0.0.1:${port}
StartServers 1
ServerLimit 1
ThreadLimit 400
ThreadsPerChild 400
MaxRequestWorkers 400
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 100
LimitRequestFields 300
LimitRequestFieldSize 32768
LimitRequestLine 32768
AllowEncodedSlashes NoDecode
SSLSessionCache shmcb:${folder}/sessions(512000)
<VirtualHost *:${port}>
  SSLEngine on
  SSLProtocol -all +TLSv1.3
  SSLCertificateFile ${folder}/chain.pem
  SSLCertificateKeyFile ${folder}/key.pem
  SSLCACertificateFile ${folder}/ca.pem
  SSLVerifyClient require
  SSLVerifyDepth 3
  ProxyPreserveHost On
  ProxyAddHeaders Off
  RequestHeader set X-Origin-Name apache
  RequestHeader set X-Origin-Line "expr=%{THE_REQUEST}"
  ProxyPass / http://127.0.0.1:${recorderPort}/ nocanon
</VirtualHost>
`
