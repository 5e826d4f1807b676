import type { ProgramFacts } from './programs.ts'

/**
 * nginx as an origin: it reads the request with its own parser and passes on what it has made of it, with the method and the
 * target as it saw them. Bounds above those of the gateway; names of headers as they come, also with `_` and `.`.
 */
export const nginxConfiguration = ({ folder, port, recorderPort }: ProgramFacts): string => `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3;
  uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  client_max_body_size 0; client_body_buffer_size 512k;
  large_client_header_buffers 16 32k; client_header_buffer_size 32k;
  ignore_invalid_headers off; underscores_in_headers on; merge_slashes off; server_tokens off;
  keepalive_timeout 600s; keepalive_requests 100;
  ssl_protocols TLSv1.3;
  upstream recorder { server 127.0.0.1:${recorderPort}; keepalive 16; }
  server {
    listen 127.0.0.1:${port} ssl backlog=1024;
    ssl_certificate ${folder}/chain.pem; ssl_certificate_key ${folder}/key.pem;
    ssl_client_certificate ${folder}/ca.pem; ssl_verify_client on; ssl_verify_depth 3;
    location / {
      proxy_pass http://recorder;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Origin-Name nginx;
      proxy_set_header X-Origin-Method $request_method;
      proxy_set_header X-Origin-Target $request_uri;
    }
  }
}
`
