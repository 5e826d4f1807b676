/*
 * A load generator: HTTP/1.1 GET over TLS 1.3 connections that stay open, one thread, one epoll. It reads commands, one a
 * line, and answers each with one line of JSON; connections live from the first command to the end.
 *
 *   tokens <file>                                   bearer tokens, one a line; asked in turn
 *   run <rate> <seconds> <requests> <wrap> [again]  0 for <seconds> or <requests>: no such bound, but one must be there
 *
 * rate > 0: open loop. Request i is due at start + i / rate whatever became of those before it; where no connection is free
 *   it waits, and its latency counts from when it was due. What a stalled server delays is so not left out.
 * rate = 0: closed loop. Each connection asks again as soon as it has its answer.
 * again = 1: a connection that the other side ends between two requests, or says that it ends with an answer, is opened
 *   again, as clients do. One that ends in the middle of a request is an error in any case.
 * wrap = 0: no token is sent twice; the run ends with the tokens. The next `run` goes on behind the last token used.
 *
 * An answer is good when it is a 200 with a Content-Length of exactly the expected bytes. Everything else is an error, by class.
 * Latencies: log-linear buckets of nanoseconds, 128 to each power of two (error below 0.8 %).
 *
 *   gcc -O2 load.c -lssl -lcrypto -o load
 *   load <port> <connections> <path> <bytes> <ca.pem> <host name or SPIFFE id> [<cert.pem> <key.pem>] [<sources>]
 *
 * sources: the connections come from so many addresses in turn, 127.0.0.2 and those behind it; otherwise from 127.0.0.1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 16384, SUB_BITS = 7, BUCKETS = (64 - SUB_BITS) << SUB_BITS, DRAIN_SECONDS = 10, ERROR_MAX = 1024, TRIES_MAX = 5 };
typedef enum { STATUS, LENGTH, FRAMING, CLOSED, TIMEOUT, UNSENT, CONNECT, KINDS } kind;
static const char *KIND[KINDS] = {"status", "length", "framing", "closed", "timeout", "unsent", "connect"};

typedef struct {
  SSL *ssl;
  int fd, busy, len, need, status, ends, opening, tries;
  uint64_t due;
  char in[ANSWER_MAX];
} conn;

static int port, count, body, epoll, again, sources;
static const char *path, *peer;
static SSL_CTX *tls;
static conn *conns;
static int *idle, idle_head, idle_size; /* a ring, so that all connections are used */
static char **requests;
static int *sizes, tokens, next_token;
static uint64_t histogram[BUCKETS], done, errors[KINDS], worst, sum, opened;
static char first_error[ERROR_MAX];

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static void fatal(const char *what) {
  fprintf(stderr, "load: %s\n", what);
  exit(2);
}

/* ---- latencies ---- */

static int bucket(uint64_t ns) {
  if (ns < (1u << SUB_BITS)) return (int)ns;
  int shift = 63 - __builtin_clzll(ns) - SUB_BITS;
  return (int)(((uint64_t)(shift + 1) << SUB_BITS) + ((ns >> shift) - (1u << SUB_BITS)));
}
/* The middle of a bucket, in milliseconds. */
static double middle(int index) {
  if (index < (1 << SUB_BITS)) return index / 1e6;
  int shift = (index >> SUB_BITS) - 1;
  uint64_t low = ((uint64_t)((index & ((1 << SUB_BITS) - 1)) + (1 << SUB_BITS))) << shift;
  return ((double)low + (double)(1ull << shift) / 2) / 1e6;
}
static double quantile(double share) {
  uint64_t want = (uint64_t)((double)done * share), seen = 0;
  for (int i = 0; i < BUCKETS; i++)
    if ((seen += histogram[i]) > want) return middle(i);
  return (double)worst / 1e6;
}

/* ---- connections ---- */

static void close_conn(conn *c) {
  if (c->ssl == NULL) return;
  SSL_free(c->ssl);
  close(c->fd);
  c->ssl = NULL, c->opening = 0;
}
/* The chain is verified in any case; then the host name, or for a workload its exact SPIFFE id. */
static int is_peer(SSL *ssl) {
  if (strncmp(peer, "spiffe://", 9) != 0) return 1; /* OpenSSL has compared the host name */
  X509 *leaf = SSL_get1_peer_certificate(ssl);
  GENERAL_NAMES *names = leaf ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
  int uris = 0, same = 0;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
    GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    uris++;
    same = ASN1_STRING_length(name->d.ia5) == (int)strlen(peer) &&
           memcmp(ASN1_STRING_get0_data(name->d.ia5), peer, strlen(peer)) == 0;
  }
  GENERAL_NAMES_free(names);
  X509_free(leaf);
  return uris == 1 && same;
}
static void broken(const char *what) {
  if (!again) fatal(what);
}
/* From one of so many addresses in turn. */
static int open_socket(const conn *c, int flags) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (sources > 0) {
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (unsigned)(c - conns) % (unsigned)sources);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0) fatal("no such source");
  }
  return fd;
}
static void prepare_ssl(conn *c) {
  c->ssl = SSL_new(tls);
  SSL_set_fd(c->ssl, c->fd);
  SSL_set_connect_state(c->ssl);
  if (strncmp(peer, "spiffe://", 9) != 0) {
    SSL_set1_host(c->ssl, peer);
    SSL_set_tlsext_host_name(c->ssl, peer);
  }
}
static void watch(conn *c, int how, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, how, c->fd, &event);
}
static struct sockaddr_in address(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}
/* Before a run: one after the other, and nothing may be wrong; where a run opens connections again, it opens these later. */
static void open_conn(conn *c) {
  struct sockaddr_in to = address();
  struct timeval patience = {.tv_sec = 10};
  c->fd = open_socket(c, 0);
  setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int reached = connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0;
  prepare_ssl(c);
  if (!reached || SSL_do_handshake(c->ssl) != 1) {
    broken(reached ? "handshake failed" : "connection refused");
    close_conn(c);
    return;
  }
  if (!is_peer(c->ssl)) fatal("the other side is not who was expected");
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  watch(c, EPOLL_CTL_ADD, EPOLLIN);
  c->busy = c->len = c->need = c->ends = c->opening = 0;
  opened++;
}
/* In a run: beside all others, which go on meanwhile. */
static void begin_open(conn *c) {
  struct sockaddr_in to = address();
  c->fd = open_socket(c, SOCK_NONBLOCK);
  connect(c->fd, (struct sockaddr *)&to, sizeof to); /* what is wrong with it, the handshake finds */
  prepare_ssl(c);
  c->opening = 1, c->ends = 0;
  watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT | EPOLLET);
}

/* ---- one request ---- */

static void fail(conn *c, kind what) {
  if (errors[what]++ == 0 && first_error[0] == 0) {
    int length = c->len < ERROR_MAX - 20 ? c->len : ERROR_MAX - 20;
    for (int i = 0; i < length; i++)
      if (c->in[i] == 0) c->in[i] = ' '; /* where a head was ended, its body follows */
    snprintf(first_error, sizeof first_error, "%s: %.*s", KIND[what], length, c->in);
    for (char *p = first_error; *p; p++)
      if (*p < ' ' || *p == '"' || *p == '\\' || *p > '~') *p = ' ';
  }
}
static void release(conn *c) {
  c->busy = 0;
  idle[(idle_head + idle_size++) % count] = (int)(c - conns);
}
/* After a fault the connection is not used again: what it holds belongs to nobody. One that was busy has left the ring. */
static void lose(conn *c, kind what) {
  fail(c, what);
  close_conn(c);
  if (again && c->busy) release(c);
}
static void send_request(conn *c) {
  int token = next_token++ % tokens;
  if (SSL_write(c->ssl, requests[token], sizes[token]) != sizes[token]) lose(c, CLOSED);
}
static void ask(conn *c, uint64_t due) {
  c->busy = 1, c->due = due, c->len = c->need = c->tries = 0;
  if (c->ssl == NULL) begin_open(c);
  else send_request(c);
}
/* A connection that does not come about is tried a few times: somebody else may take it. */
static void go_on_opening(conn *c) {
  int n = SSL_do_handshake(c->ssl);
  if (n == 1) {
    if (!is_peer(c->ssl)) fatal("the other side is not who was expected");
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    c->opening = 0, opened++;
    send_request(c);
    return;
  }
  int why = SSL_get_error(c->ssl, n);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
  close_conn(c);
  c->opening = 0;
  if (++c->tries < TRIES_MAX) begin_open(c);
  else lose(c, CONNECT);
}
static int read_head(conn *c) {
  char *end = memmem(c->in, (size_t)c->len, "\r\n\r\n", 4);
  if (end == NULL) return c->len < ANSWER_MAX;
  *end = 0;
  char *length = strcasestr(c->in, "\r\ncontent-length:");
  c->status = c->len > 12 ? atoi(c->in + 9) : 0;
  c->ends = strcasestr(c->in, "\r\nconnection: close") != NULL;
  if (strncmp(c->in, "HTTP/1.1 ", 9) != 0 || length == NULL) return 0;
  c->need = (int)(end - c->in) + 4 + atoi(length + 17);
  return c->need <= ANSWER_MAX;
}
/* One record. 0: there is no more to read for now. */
static int receive(conn *c) {
  int n = SSL_read(c->ssl, c->in + c->len, ANSWER_MAX - c->len);
  if (n <= 0) {
    if (SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ) return 0;
    if (c->busy) lose(c, CLOSED);
    else close_conn(c);
    return 0;
  }
  c->len += n;
  if (!c->busy || (c->need == 0 && !read_head(c)) || (c->need > 0 && c->len > c->need)) {
    lose(c, FRAMING);
    return 0;
  }
  if (c->need == 0 || c->len < c->need) return 1;
  uint64_t took = now() - c->due;
  char *answer_body = c->in + strlen(c->in) + 4; /* the head was ended with a zero */
  if (c->status != 200) fail(c, STATUS);
  else if (c->in + c->need - answer_body != body) fail(c, LENGTH);
  histogram[bucket(took)]++;
  done++, sum += took;
  if (took > worst) worst = took;
  release(c);
  if (again && c->ends) {
    close_conn(c);
    return 0;
  }
  return 1;
}

/* ---- a run ---- */

static void prepare(void) {
  memset(histogram, 0, sizeof histogram);
  memset(errors, 0, sizeof errors);
  done = worst = sum = opened = 0;
  first_error[0] = 0;
  idle_head = idle_size = 0;
  for (int i = 0; i < count; i++) {
    if (conns[i].ssl == NULL || conns[i].busy) {
      close_conn(&conns[i]);
      open_conn(&conns[i]);
    }
    idle[idle_size++] = i;
  }
}
static void report(uint64_t started, const struct rusage *before) {
  struct rusage after;
  getrusage(RUSAGE_SELF, &after);
  double cpu = (double)(after.ru_utime.tv_sec - before->ru_utime.tv_sec + after.ru_stime.tv_sec - before->ru_stime.tv_sec) * 1e6 +
               (double)(after.ru_utime.tv_usec - before->ru_utime.tv_usec + after.ru_stime.tv_usec - before->ru_stime.tv_usec);
  double seconds = (double)(now() - started) / 1e9;
  printf("{\"done\":%lu,\"seconds\":%.3f,\"perSecond\":%.1f,\"meanMs\":%.4f,\"p50Ms\":%.4f,\"p90Ms\":%.4f,\"p99Ms\":%.4f,"
         "\"p999Ms\":%.4f,\"maxMs\":%.4f,\"generatorMicros\":%.2f,\"opened\":%lu,\"errors\":{",
         done, seconds, (double)done / seconds, done ? (double)sum / (double)done / 1e6 : 0, quantile(0.5), quantile(0.9),
         quantile(0.99), quantile(0.999), (double)worst / 1e6, done ? cpu / (double)done : 0, opened);
  for (int i = 0; i < KINDS; i++) printf("%s\"%s\":%lu", i ? "," : "", KIND[i], errors[i]);
  printf("},\"firstError\":\"%s\"}\n", first_error);
  fflush(stdout);
}
static void run(double rate, double seconds, uint64_t limit, int wrap) {
  if (tokens == 0) fatal("no tokens");
  if (wrap) next_token %= tokens;
  else if (limit == 0 || limit > (uint64_t)(tokens - next_token)) limit = (uint64_t)(tokens - next_token);
  if (limit == 0) limit = UINT64_MAX;
  if (rate > 0 && seconds > 0 && limit > (uint64_t)(rate * seconds)) limit = (uint64_t)(rate * seconds);
  prepare();
  struct rusage before;
  getrusage(RUSAGE_SELF, &before);
  struct epoll_event ready[256];
  uint64_t start = now(), sent = 0, t = start;
  uint64_t end = seconds > 0 ? start + (uint64_t)(seconds * 1e9) : UINT64_MAX - (DRAIN_SECONDS + 1) * 1000000000ull;
  for (;;) {
    t = now();
    int more = sent < limit && (rate > 0 || t < end);
    while (more && idle_size > 0) {
      uint64_t due = rate > 0 ? start + (uint64_t)((double)sent * 1e9 / rate) : t;
      if (due > t) break;
      conn *c = &conns[idle[idle_head]];
      idle_head = (idle_head + 1) % count, idle_size--;
      if (c->ssl == NULL && !again) continue; /* was closed while it was idle */
      ask(c, due), sent++;
      more = sent < limit;
    }
    uint64_t settled = done + errors[CLOSED] + errors[FRAMING] + errors[CONNECT];
    if (!more && settled >= sent) break;
    if (t > end + DRAIN_SECONDS * 1000000000ull || (more && settled >= sent && idle_size == 0)) break;
    uint64_t wait = 100000000;
    if (more && idle_size > 0) {
      uint64_t due = start + (uint64_t)((double)sent * 1e9 / rate);
      wait = due > t ? due - t : 0;
    }
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)(wait < 100000000 ? wait : 100000000)};
    int n = epoll_pwait2(epoll, ready, 256, &timeout, NULL);
    for (int i = 0; i < n; i++) {
      conn *c = ready[i].data.ptr;
      if (c->opening) go_on_opening(c);
      else
        while (receive(c) && SSL_has_pending(c->ssl)) continue;
    }
  }
  for (int i = 0; i < count; i++)
    if (conns[i].ssl != NULL && conns[i].busy) errors[TIMEOUT]++;
  if (rate > 0 && sent < limit) errors[UNSENT] += limit - sent;
  report(start, &before);
}

/* ---- start ---- */

static void read_tokens(const char *file) {
  FILE *f = fopen(file, "r");
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  if (f == NULL) fatal("the tokens cannot be read");
  for (int i = 0; i < tokens; i++) free(requests[i]);
  tokens = next_token = 0;
  while ((n = getline(&line, &room, f)) > 0) {
    if (line[n - 1] == '\n') line[--n] = 0;
    if ((tokens & (tokens - 1)) == 0) {
      size_t next = tokens ? 2 * (size_t)tokens : 1;
      requests = realloc(requests, next * sizeof *requests);
      sizes = realloc(sizes, next * sizeof *sizes);
    }
    sizes[tokens] = asprintf(&requests[tokens],
                             "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\n"
                             "Accept: application/json\r\nUser-Agent: load\r\n\r\n",
                             path, port, line);
    tokens++;
  }
  free(line);
  fclose(f);
  printf("{\"tokens\":%d}\n", tokens);
  fflush(stdout);
}
int main(int argc, char **argv) {
  if (argc == 8 || argc == 10) sources = atoi(argv[--argc]);
  if (argc != 7 && argc != 9) fatal("load <port> <connections> <path> <bytes> <ca> <name or SPIFFE id> [<cert> <key>] [<sources>]");
  port = atoi(argv[1]), count = atoi(argv[2]), path = argv[3], body = atoi(argv[4]), peer = argv[6];
  tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_read_ahead(tls, 1); /* one read for a record, not two */
  SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x08http/1.1", 9);
  if (SSL_CTX_load_verify_locations(tls, argv[5], NULL) != 1) fatal("the CA cannot be read");
  if (argc == 9 && (SSL_CTX_use_certificate_chain_file(tls, argv[7]) != 1 ||
                    SSL_CTX_use_PrivateKey_file(tls, argv[8], SSL_FILETYPE_PEM) != 1))
    fatal("certificate or key cannot be read");
  conns = calloc((size_t)count, sizeof *conns);
  idle = calloc((size_t)count, sizeof *idle);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  char line[4096], file[4096];
  double rate, seconds;
  unsigned long limit;
  int wrap;
  signal(SIGPIPE, SIG_IGN);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "tokens %4095[^\n]", file) == 1) read_tokens(file);
    else if (again = 0, sscanf(line, "run %lf %lf %lu %d %d", &rate, &seconds, &limit, &wrap, &again) >= 4)
      run(rate, seconds, limit, wrap);
    else fatal("no such command");
  }
  return 0;
}
