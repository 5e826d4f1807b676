/** Values that only the holder of a key can read, and that nobody can change or move unnoticed. */
export * from './envelope.ts'
export * from './errors.ts'
export * from './keyring.ts'
export * from './master-key.ts'
