/** Where a MongoDB server for tests can be had; such tests are left out where nothing is said. */
export function testMongoUrl(): string | undefined {
  return process.env.COUNTERSIGN_TEST_MONGODB_URL
}
