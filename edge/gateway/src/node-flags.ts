/**
 * With which Node runs a gateway.
 *
 * - A connection holds some 50 KB, most of it in OpenSSL, for a socket of a few hundred bytes. V8 counts both, and looks through
 *   a heap as small as a gateway's after every 10 MB: under 200 new connections a second it stopped everything for 10 to 25 ms,
 *   once a second. It may grow to three times of what is alive before that.
 * - What a request leaves behind dies at once. A young generation of 4 MB holds enough of it, is looked through in a
 *   millisecond, and saves 57 MB.
 */
export const NODE_FLAGS: readonly string[] = [
  '--heap-growing-percent=200',
  '--max-semi-space-size=4',
]
