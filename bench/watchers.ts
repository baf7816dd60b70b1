// Watches in a thread of its own and tells how late each event came.
import https from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';

const { server, token, path, watchers } = workerData as { server: string; token: string; path: string; watchers: number };
const lags: number[] = [];
const headers = { authorization: `Bearer ${token}` };
let open = 0;

for (let n = 0; n < watchers; n++) {
  const request = https.get(`${server}${path}?watch=true`, { headers, rejectUnauthorized: false, agent: false }, (response) => {
    if (++open === watchers) parentPort!.postMessage('watching');
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const now = performance.timeOrigin + performance.now();
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const sentAt = /"sentAt":"([\d.]+)"/.exec(line);
        if (sentAt) lags.push(now - Number(sentAt[1]));
      }
    });
  });
  request.on('error', () => {});
}
parentPort!.once('message', () => setTimeout(() => parentPort!.postMessage(lags), 300));
