/*
 * Holds connections open: TLS 1.3, one request each, and then silence. Blocking, one after the other, from 127.0.1.1 and the addresses
 * behind it, so many from each.
 *
 *   hold <port> <connections> <connections of an address> <first address> <path> <ca.pem>
 *
 * Prints a line `open <count>` when all are, and for each line that it reads `alive <count>` of those that are still there.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL **held;
static int *sockets;

static int open_one(SSL_CTX *tls, int at, int port, unsigned address, const char *path) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct sockaddr_in from = {.sin_family = AF_INET};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char text[4096];
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  from.sin_addr.s_addr = htonl(address);
  /* the port is chosen when it is known whereto */
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0) return 0;
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) return 0;
  SSL *ssl = SSL_new(tls);
  SSL_set_fd(ssl, fd);
  SSL_set1_host(ssl, "localhost");
  SSL_set_tlsext_host_name(ssl, "localhost");
  if (SSL_connect(ssl) != 1) return 0;
  int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  if (SSL_write(ssl, text, length) != length) return 0;
  int got = SSL_read(ssl, text, sizeof text - 1);
  if (got < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0) return 0;
  held[at] = ssl;
  sockets[at] = fd;
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  int port = atoi(argv[1]), count = atoi(argv[2]), each = atoi(argv[3]), opened = 0;
  unsigned first = ntohl(inet_addr(argv[4]));
  SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  if (SSL_CTX_load_verify_locations(tls, argv[6], NULL) != 1) return 2;
  held = calloc((size_t)count, sizeof *held);
  sockets = calloc((size_t)count, sizeof *sockets);
  for (int i = 0; i < count; i++) opened += open_one(tls, i, port, first + (unsigned)(i / each), argv[5]);
  printf("open %d\n", opened);
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int alive = 0;
    for (int i = 0; i < count; i++) {
      char rest[16384];
      ssize_t got = -1;
      if (held[i] == NULL) continue;
      while ((got = recv(sockets[i], rest, sizeof rest, MSG_DONTWAIT)) > 0) {
      }
      if (got < 0) alive++;
    }
    printf("alive %d\n", alive);
    fflush(stdout);
  }
  return 0;
}
