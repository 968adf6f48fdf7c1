// A server in a pod, for the probes that the kubelet makes otherwise than by plain HTTP: HTTPS on port `process.argv[1]`, with
// a certificate that nobody trusts, and gRPC health (grpc/grpc, doc/health-checking.md) on port `process.argv[2]`.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHTTP2Server } from 'node:http2';
import { createServer as createHTTPSServer } from 'node:https';

const [, httpsPort = '', grpcPort = ''] = process.argv;
const CERTIFICATE = '/tmp/certificate.pem';
const KEY = '/tmp/key.pem';
/** A message of 2 bytes, not compressed: `status: SERVING`. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

execFileSync('openssl', [
  ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
  ...['-subj', '/CN=nobody', '-keyout', KEY, '-out', CERTIFICATE],
]);
const identity = { cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) };
createHTTPSServer(identity, ({ url }, response) => {
  process.stdout.write(`HTTPS ${url}\n`);
  response.end('served');
}).listen(Number(httpsPort), '::');

createHTTP2Server()
  .on('stream', (stream, headers) => {
    process.stdout.write(`gRPC ${headers[':path']}\n`);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(SERVING);
  })
  .listen(Number(grpcPort), '::');
