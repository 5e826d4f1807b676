import type { Plugin } from '@countersign/kong'
import { acl } from './acl.ts'
import { botDetection } from './bot-detection.ts'
import { correlationId } from './correlation-id.ts'
import { cors } from './cors.ts'
import { httpLog } from './http-log.ts'
import { ipRestriction } from './ip-restriction.ts'
import { jwt } from './jwt/jwt.ts'
import { keyAuth } from './key-auth.ts'
import { mtlsAuth } from './mtls/mtls-auth.ts'
import { openidConnect } from './oidc/openid-connect.ts'
import { opentelemetry } from './opentelemetry.ts'
import { prometheus } from './prometheus.ts'
import { proxyCache } from './proxy-cache/proxy-cache.ts'
import { rateLimiting } from './rate-limiting/rate-limiting.ts'
import { requestSizeLimiting } from './request-size-limiting.ts'
import { requestTermination } from './request-termination.ts'
import { requestTransformer } from './request-transformer.ts'
import { responseTransformer } from './response-transformer.ts'

/** The plugins that come with the gateway. */
export const bundledPlugins: readonly Plugin[] = [
  // One name a line, sorted.
  acl,
  botDetection,
  correlationId,
  cors,
  httpLog,
  ipRestriction,
  jwt,
  keyAuth,
  mtlsAuth,
  openidConnect,
  opentelemetry,
  prometheus,
  proxyCache,
  rateLimiting,
  requestSizeLimiting,
  requestTermination,
  requestTransformer,
  responseTransformer,
]
