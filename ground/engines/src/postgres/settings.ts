import { CONNECTIONS_MAX } from '../limits.ts'

/** Settings of a server for one machine that others work on too. Nothing is traded against durability. */
const SETTINGS = {
  // The one way in is the unix socket.
  listen_addresses: '',
  unix_socket_permissions: '0700',
  ssl: 'off',
  password_encryption: 'scram-sha-256',
  max_connections: String(CONNECTIONS_MAX),
  authentication_timeout: '10s',
  idle_in_transaction_session_timeout: '60s',

  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // No standby reads along.
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '16MB',
  max_wal_size: '128MB',

  shared_buffers: '32MB',
  work_mem: '2MB',
  maintenance_work_mem: '16MB',
  temp_file_limit: '512MB',
  huge_pages: 'off',
  jit: 'off',
  // Reads go through the sessions themselves: no extra processes.
  io_method: 'sync',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  autovacuum_max_workers: '1',

  // What a log line could carry of data or passwords stays out of it.
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_statement: 'none',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
} as const satisfies Record<string, string>

/** Arguments of the server. The folder of the socket is quoted, because the setting is a list. */
export function serverArgs(data: string, sockets: string): string[] {
  const quoted = `"${sockets.replaceAll('"', '""')}"`
  const all = { ...SETTINGS, unix_socket_directories: quoted }
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}
