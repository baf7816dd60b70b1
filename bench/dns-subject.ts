// The cluster's DNS alone in a process, with the names of 10,000 Services; tells its port, and when asked the CPU it has used.
import { systemClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { createResolver } from '../src/network/dns/answer.ts';
import { startDnsServer } from '../src/network/dns/dns-server.ts';
import { serviceNames } from '../src/network/dns/service-names.ts';
import { Zone } from '../src/network/dns/zone.ts';
import type { Service } from '../src/api/types.ts';

const zone = new Zone('cluster.local', () => true);
for (let n = 0; n < 10_000; n++) {
  const clusterIP = `10.96.${n >> 8}.${n & 255}`;
  zone.put(`s-${n}`, serviceNames({ metadata: { name: `s-${n}`, namespace: 'bench' }, spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80 }] } } as unknown as Service, [], 'cluster.local'));
}
const resolver = createResolver(zone, () => true, () => Promise.reject(new Error('nobody is asked')), systemRandom);
const server = await startDnsServer({ address: '127.0.0.1', port: 0, resolver, clock: systemClock }, new AbortController().signal);
process.send!({ port: server.port });
process.on('message', () => process.send!(process.cpuUsage()));
process.on('disconnect', () => process.exit());
