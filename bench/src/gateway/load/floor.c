/*
 * What one proxied request costs at least: two TLS reads, two TLS writes and two epoll_wait in one thread, without HTTP and
 * without any policy. Measured before and after a session: figures of two days compare by it.
 *
 *   gcc -O2 floor.c -lssl -lcrypto -o floor
 *   floor <cert.pem> <key.pem> <ca.pem> <requests>       prints microseconds for each request
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 480, ANSWER = 1200, WARM_UP = 2000 };
typedef struct {
  SSL *client, *server;
  int client_fd, server_fd;
} pair;

/* CPU time of this thread, so that others on the machine do not count. */
static double cpu_micros(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}
static SSL_CTX *context(const SSL_METHOD *method, char **files, int verify) {
  SSL_CTX *made = SSL_CTX_new(method);
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_read_ahead(made, 1);
  if (SSL_CTX_use_certificate_chain_file(made, files[0]) != 1 || SSL_CTX_use_PrivateKey_file(made, files[1], SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_load_verify_locations(made, files[2], NULL) != 1)
    exit(2);
  SSL_CTX_set_verify(made, verify, NULL);
  return made;
}
static void *accept_it(void *ssl) {
  SSL_accept(ssl);
  return NULL;
}
static SSL *wrap(SSL_CTX *context, int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL *made = SSL_new(context);
  SSL_set_fd(made, fd);
  return made;
}
static pair connect_pair(SSL_CTX *client, SSL_CTX *server) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  pair p;
  pthread_t thread;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(listener, (struct sockaddr *)&at, size);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&at, &size);
  p.client_fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(p.client_fd, (struct sockaddr *)&at, size) != 0) exit(2);
  p.server_fd = accept(listener, NULL, NULL);
  close(listener);
  p.client = wrap(client, p.client_fd);
  p.server = wrap(server, p.server_fd);
  pthread_create(&thread, NULL, accept_it, p.server);
  if (SSL_connect(p.client) != 1) exit(2);
  pthread_join(thread, NULL);
  return p;
}
/* What a proxy does with one message: wait, read, write. */
static double pass(int epoll, SSL *from, SSL *to, char *bytes) {
  struct epoll_event ready[8];
  double start = cpu_micros();
  epoll_wait(epoll, ready, 8, -1);
  int n = SSL_read(from, bytes, 4096);
  SSL_write(to, bytes, n);
  return cpu_micros() - start;
}
static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}
int main(int argc, char **argv) {
  if (argc != 5) return 2;
  SSL_CTX *client = context(TLS_client_method(), argv + 1, SSL_VERIFY_PEER);
  SSL_CTX *server = context(TLS_server_method(), argv + 1, SSL_VERIFY_NONE);
  pair in = connect_pair(client, server), out = connect_pair(client, server);
  int epoll = epoll_create1(0), requests = atoi(argv[4]);
  char bytes[4096];
  double micros = 0;
  watch(epoll, in.server_fd);
  watch(epoll, out.client_fd);
  memset(bytes, 'x', sizeof bytes);
  for (int i = -WARM_UP; i < requests; i++) {
    if (i == 0) micros = 0;
    SSL_write(in.client, bytes, REQUEST);
    micros += pass(epoll, in.server, out.client, bytes);
    SSL_read(out.server, bytes, sizeof bytes);
    SSL_write(out.server, bytes, ANSWER);
    micros += pass(epoll, out.client, in.server, bytes);
    SSL_read(in.client, bytes, sizeof bytes);
  }
  printf("%.2f\n", micros / requests);
  return 0;
}
