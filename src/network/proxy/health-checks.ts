// The node port where an outside load balancer asks whether this node has endpoints of a Service with externalTrafficPolicy
// Local: 200 when it has, 503 when not (KEP-3836's header for their number is sent too).
import { createServer, type Server } from 'node:http';
import type { Log } from '../../base/log.ts';

export interface ServiceHealth {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly localEndpoints: number;
}

export interface HealthChecks {
  /** `health` undefined: no longer asked for. */
  put(service: string, health: ServiceHealth | undefined): void;
  close(): Promise<void>;
}

export function createHealthChecks(log: Log): HealthChecks {
  const all = new Map<string, { health: ServiceHealth; readonly server: Server }>();
  const closing = new Set<Promise<void>>();

  return {
    put(service, health) {
      const present = all.get(service);
      if (present && present.health.port === health?.port) {
        present.health = health;
        return;
      }
      if (present) {
        all.delete(service);
        end(present.server);
      }
      if (!health) return;
      const entry = { health, server: createServer((_request, response) => answer(entry.health, response)) };
      entry.server.on('error', (error) => log.warn('a health check port cannot be served', { service, port: health.port, error }));
      entry.server.listen(health.port);
      entry.server.unref();
      all.set(service, entry);
    },
    async close() {
      for (const { server } of all.values()) end(server);
      all.clear();
      await Promise.all(closing);
    },
  };

  function end(server: Server): void {
    const closed = new Promise<void>((resolve) => server.close(() => resolve())).finally(() => closing.delete(closed));
    closing.add(closed);
    server.closeAllConnections();
  }
}

function answer({ namespace, name, localEndpoints }: ServiceHealth, response: import('node:http').ServerResponse): void {
  response.writeHead(localEndpoints > 0 ? 200 : 503, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff', 'X-Load-Balancing-Endpoint-Weight': String(localEndpoints) });
  response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }, null, 1));
}
