// Asks a webhook: POST of a review over HTTPS, to a URL, or to one of a Service's endpoints.
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { ClientConfig } from '../../api/kinds/validation/webhook.ts';
import { services } from '../../api/kinds/service.ts';
import type { Clock } from '../../base/clock.ts';
import type { HttpCalls } from '../../base/http-calls.ts';
import type { Random } from '../../base/random.ts';
import type { AdmissionWorld } from '../admission/admission.ts';
import { wholeAnswer } from '../whole-answer.ts';
import { serviceEndpoint } from '../service-endpoint.ts';

export interface WebhookClient {
  /** Throws Error in the words of a failed call. */
  post(config: ClientConfig, review: object, timeoutMs: number): Promise<unknown>;
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly serverName: string;
  /** As errors name it. */
  readonly url: string;
}

/** An answer that is longer is refused. */
const longestAnswer = 16 * 1024 * 1024;

export function createWebhookClient(world: AdmissionWorld, clock: Clock, random: Random, calls: HttpCalls): WebhookClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 50, maxFreeSockets: 10 });
  return {
    async post(config, review, timeoutMs) {
      const place = placeOf(config, timeoutMs, world, random);
      const body = Buffer.from(JSON.stringify(review));
      const answer = await new Promise<Buffer>((resolve, reject) => {
        let isAnswered = false;
        const host = `${place.serverName}:${place.port}`;
        const fail = (why: string) => reject(new Error(`Post ${JSON.stringify(place.url)}: ${why}`));
        const request = httpsRequest({
          agent,
          host: place.host,
          port: place.port,
          path: place.path,
          method: 'POST',
          servername: isIP(place.serverName) === 0 ? place.serverName : '',
          ...(config.caBundle ? { ca: Buffer.from(config.caBundle, 'base64') } : {}),
          headers: { host: place.serverName, 'content-type': 'application/json', accept: 'application/json', 'content-length': body.length, 'user-agent': 'kube-apiserver-admission' },
        });
        const timer = clock.schedule(timeoutMs, () => {
          fail('context deadline exceeded');
          request.destroy();
        });
        request.on('error', ({ message }) => fail(message));
        request.on('close', () => {
          timer[Symbol.dispose]();
          if (!isAnswered) calls.count(host, 'POST', undefined);
        });
        request.on('response', (response) => {
          isAnswered = true;
          calls.count(host, 'POST', response.statusCode);
          wholeAnswer(response, longestAnswer).then((body) => {
            if (response.statusCode === 200) resolve(body);
            else reject(new Error(`the server responded with the status code ${response.statusCode} but did not return more information`));
          }, ({ message }: Error) => fail(message));
        });
        request.end(body);
      });
      return JSON.parse(answer.toString()) as unknown;
    },
  };
}

function placeOf({ url, service: reference }: ClientConfig, timeoutMs: number, world: AdmissionWorld, random: Random): Place {
  const timeout = `timeout=${timeoutMs / 1000}s`;
  if (url !== undefined) {
    const to = new URL(url);
    to.searchParams.set('timeout', `${timeoutMs / 1000}s`);
    return { host: to.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(to.port || 443), path: `${to.pathname}${to.search}`, serverName: to.hostname.replace(/^\[(.*)\]$/, '$1'), url: to.href };
  }
  const { name, namespace, path = '/', port = 443 } = reference!;
  const service = world.get(services, { namespace, name });
  if (!service) throw new Error(`service ${JSON.stringify(name)} not found`);
  const serverName = `${name}.${namespace}.svc`;
  const full = `${path.startsWith('/') ? path : `/${path}`}?${timeout}`;
  const at = serviceEndpoint(service, namespace, port, world, random);
  return { ...at, path: full, serverName, url: `https://${serverName}:${port}${full}` };
}
