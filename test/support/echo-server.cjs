// An HTTP server for tests, run inside Pods by the machine's own Node.js: tells what it got, streams both ways, takes up
// WebSockets and other upgrades. TLS too where CERT and KEY are set, on PORT + 1.
const { createHash } = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const { WebSocketServer } = require('ws');

const port = Number(process.env.PORT ?? 8080);
const name = process.env.NAME ?? 'echo';
const webSockets = new WebSocketServer({ noServer: true });
const megabyte = Buffer.alloc(1024 * 1024, 'peapod');

function serve(request, response) {
  const url = new URL(request.url, 'http://x');
  switch (url.pathname) {
    case '/page':
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.setHeader('access-control-allow-origin', '*');
      return response.end('<a href="/next">n</a><img src=/i.png><a href="rel">r</a>');
    case '/redirect':
      response.writeHead(302, { location: url.searchParams.get('to') ?? '/there?x=1' });
      return response.end();
    case '/back': // each chunk as it comes
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.flushHeaders();
      return request.pipe(response);
    case '/early':
      response.writeHead(413, { 'content-type': 'text/plain' });
      return response.end('too much');
    case '/cut':
      response.writeHead(200, { 'content-length': '100' });
      return response.write('part', () => request.socket.destroy());
    case '/hang':
      return;
    case '/big': {
      let left = Number(url.searchParams.get('megabytes'));
      response.writeHead(200, { 'content-length': left * megabyte.length });
      const more = () => {
        for (; left > 0; ) {
          left--;
          if (!response.write(megabyte)) return response.once('drain', more);
        }
        response.end();
      };
      return more();
    }
    default: {
      const hash = createHash('sha256');
      let bytes = 0;
      request.on('data', (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      request.on('end', () => {
        response.writeHead(Number(url.searchParams.get('code') ?? 200), { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'], 'x-name': name });
        response.end(JSON.stringify({ name, from: request.socket.remoteAddress.replace(/^::ffff:/, ''), method: request.method, url: request.url, headers: request.headers, bytes, sha256: hash.digest('hex') }));
      });
    }
  }
}

function upgrade(request, socket, head) {
  socket.on('error', () => {});
  if (request.url.startsWith('/refuse')) return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!');
  if (request.headers.upgrade.toLowerCase() === 'websocket') {
    return webSockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.on('message', (data, isBinary) => webSocket.send(data, { binary: isBinary })));
  }
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade}\r\nx-forwarded: ${request.headers['x-forwarded-for']}\r\n\r\nhello `);
  socket.write(head);
  socket.pipe(socket);
}

// Going away: no new connections, those that are busy are finished.
const servers = [http.createServer(serve).on('upgrade', upgrade).listen(port, () => console.log('listens'))];
if (process.env.CERT) servers.push(https.createServer({ cert: process.env.CERT, key: process.env.KEY }, serve).on('upgrade', upgrade).listen(port + 1));
process.on('SIGTERM', () => {
  setTimeout(() => process.exit(0), 10_000).unref();
  for (const server of servers) server.close();
});
